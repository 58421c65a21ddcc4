import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { addSystemParts } from './image-bill.ts'

// Puts around the program (in FOLDER/app, by scripts/stage.sh) what it runs on, and nothing else: this Node, the
// libraries that it loads, and what tells scanners and lawyers where those come from. FOLDER is then the root of the
// image. Runs on Debian, for dpkg knows whose the libraries are.
//
//   node tools/image-root.ts FOLDER
//
// Left out, because nothing looks for it: certificates (Node has Mozilla's within it; others are mounted and named in
// NODE_EXTRA_CA_CERTS), /etc/passwd (the user is a number), /tmp (nothing is written), time zones (Node's ICU has
// them). /etc/hosts and /etc/resolv.conf are the engine's. Since 2.34 glibc has files and DNS within libc.so.6.

const [root = ''] = process.argv.slice(2)
const bill = join(root, 'app/sbom.cdx.json')
if (!existsSync(bill)) throw new Error(`image-root.ts: ${root}/app is not what scripts/stage.sh makes`)

const libraries = loadedBy(process.execPath)
const packages = [...new Set(libraries.map(packageOf))].toSorted()

copy(process.execPath, '/usr/local/bin/node', 0o755)
// Of Node, and of all that is linked into it.
copy(join(dirname(dirname(process.execPath)), 'LICENSE'), '/usr/share/doc/node/copyright')
for (const library of libraries) copy(library, library, /\/ld-linux[^/]*$/.test(library) ? 0o755 : 0o644)
write('/etc/nsswitch.conf', 'hosts: files dns\n')
// By these scanners know which distribution's advisories count, and what is here of it; the folder is the one that
// distroless images have, where there is no dpkg.
copy('/etc/os-release', '/etc/os-release')
copy('/etc/debian_version', '/etc/debian_version')
for (const name of packages) {
  const [bare = ''] = name.split(':')
  write(`/var/lib/dpkg/status.d/${bare}`, run('dpkg-query', ['--status', name]))
  copy(`/usr/share/doc/${bare}/copyright`, `/usr/share/doc/${bare}/copyright`)
}
addSystemParts(
  bill,
  packages.map(name => {
    const [, bare = '', version = '', architecture = ''] =
      /^(\S+) (\S+) (\S+)/.exec(run('dpkg-query', ['--show', `--showformat=\${Package} \${Version} \${Architecture}`, name])) ?? []
    return { name: bare, version, architecture }
  }),
)
write('/app/licences.txt', run(process.execPath, [join(import.meta.dirname, 'licences.ts'), bill]))

/** The libraries that a program loads at its start, and theirs, with the one that loads them. One that is missing throws. */
function loadedBy(program: string): readonly string[] {
  const lines = run('ldd', [program]).trim().split('\n')
  const absent = lines.filter(line => line.includes('not found'))
  if (absent.length > 0) throw new Error(`image-root.ts: ${program} needs what is not here:\n${absent.join('\n')}`)
  // The kernel's own (linux-vdso) has no path.
  return lines.flatMap(line => /(?:^|\s)(\/\S+) \(/.exec(line)?.[1] ?? []).toSorted()
}

/** The package that a library is of, as dpkg names it. It may know it with /usr in front or without, and by either name. */
function packageOf(library: string): string {
  const names = [library, realpathSync(library)].flatMap(name => [name, `/usr${name}`, name.replace(/^\/usr/, '')])
  for (const name of names) {
    try {
      const [owner = ''] = run('dpkg-query', ['--search', name]).split(': ')
      return owner
    } catch {
      // Not by this name.
    }
  }
  throw new Error(`image-root.ts: no package of Debian has ${library}`)
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } })
}

function copy(from: string, to: string, mode = 0o644): void {
  const target = join(root, to)
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(from, target)
  chmodSync(target, mode)
}

function write(to: string, text: string): void {
  const target = join(root, to)
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, text)
}
