import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { readProjectFile } from './project-files.ts'

export type ProxyName = 'nginx' | 'caddy' | 'haproxy'

export interface ProxyPlaces {
  /** Ports on loopback. */
  readonly gateway: number
  readonly verify: number
  readonly app: number
  /** The name that browsers see. */
  readonly host: string
}

export interface ProxyProgram {
  readonly port: number
  close(): Promise<void>
}

/** Starts a proxy from Debian's package on a free port of the loopback, with the sample of docs/forward-auth.md. */
export function startProxy(name: ProxyName, places: ProxyPlaces): Promise<ProxyProgram> {
  return start(name, place => launch(name, { ...place, places }))
}

/** Starts nginx before a gateway that proxies by itself, with the sample of docs/proxying.md. */
export function startNginxInFront(gateway: number, host: string): Promise<ProxyProgram> {
  const sample = sampleOf('nginx', readProjectFile('docs/proxying.md'))
  const server = replaceAll(sample, [
    ['127.0.0.1:8080', `127.0.0.1:${gateway}`],
    ['app.example.com', host],
  ])
  return start('nginx', place => launchNginx(place, server))
}

async function start(name: ProxyName, launchAt: (place: Place) => Promise<ChildProcess>): Promise<ProxyProgram> {
  const folder = await mkdtemp(join(tmpdir(), `sallyport-${name}-`))
  // Between finding a free port and listening on it, somebody else may have taken it.
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort()
    const child = await launchAt({ folder, port })
    try {
      await eventually(() => isListening(child, port))
      return { port, close: () => end(child, folder) }
    } catch (error) {
      child.kill('SIGKILL')
      if (attempt === 3) throw error
    }
  }
}

/** The code block of docs/forward-auth.md that is marked so; the first one where there are several. */
export function sampleOf(language: string, page = readProjectFile('docs/forward-auth.md'), heading = ''): string {
  const from = heading === '' ? 0 : page.indexOf(`\n## ${heading}\n`)
  const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page.slice(from))?.[1]
  if (found === undefined || from === -1) throw new Error(`docs/forward-auth.md has no sample for ${language}`)
  return found
}

interface Place {
  readonly folder: string
  readonly port: number
}

interface Launch extends Place {
  readonly places: ProxyPlaces
}

async function launch(name: ProxyName, { folder, port, places }: Launch): Promise<ChildProcess> {
  const addresses = (sample: string, wanted: readonly (keyof ProxyPlaces)[]) => {
    const known = {
      gateway: ['127.0.0.1:8080', `127.0.0.1:${places.gateway}`],
      verify: ['127.0.0.1:9092', `127.0.0.1:${places.verify}`],
    } as const
    const others = { app: ['127.0.0.1:3000', `127.0.0.1:${places.app}`], host: ['app.example.com', places.host] } as const
    return replaceAll(
      sample,
      wanted.map(place => ({ ...known, ...others })[place]),
    )
  }
  const write = (file: string, text: string) => writeFile(join(folder, file), text)
  const everything = ['gateway', 'verify', 'app', 'host'] as const

  if (name === 'nginx') return launchNginx({ folder, port }, addresses(sampleOf('nginx'), everything))
  if (name === 'caddy') {
    const site = [`${places.host} {`, `http://${places.host}:${port} {\n\tbind 127.0.0.1`] as const
    await write('Caddyfile', `{\n\tadmin off\n\tauto_https off\n}\n${replaceAll(addresses(sampleOf('caddyfile'), everything), [site])}`)
    return run('caddy', ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')], folder)
  }
  await write('sallyport.lua', addresses(sampleOf('lua'), ['verify']))
  const config = replaceAll(addresses(sampleOf('haproxy'), ['gateway', 'app']), [
    ['bind :443 ssl crt /etc/haproxy/app.pem', `bind 127.0.0.1:${port}`],
    ['/etc/haproxy/sallyport.lua', join(folder, 'sallyport.lua')],
  ])
  await write('haproxy.cfg', config)
  return run('haproxy', ['-f', join(folder, 'haproxy.cfg')], folder)
}

async function launchNginx({ folder, port }: Place, sample: string): Promise<ChildProcess> {
  const server = replaceAll(sample, [
    ['listen 443 ssl;', `listen 127.0.0.1:${port};`],
    ['ssl_certificate /etc/nginx/app.crt;', ''],
    ['ssl_certificate_key /etc/nginx/app.key;', ''],
  ])
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${folder}/${kind};`).join(' ')
  const http = `http { access_log off; ${temporary}\n${server} }`
  // Or its workers would be somebody who cannot write to the test's folder.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  await writeFile(
    join(folder, 'nginx.conf'),
    `${user} daemon off; pid ${folder}/nginx.pid; worker_processes 1; events { worker_connections 256; }\n${http}`,
  )
  return run('nginx', ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], folder)
}

/** Each must be there: a sample that was changed is to be looked at here too. */
function replaceAll(text: string, changes: readonly (readonly [string, string])[]): string {
  for (const [from] of changes) if (!text.includes(from)) throw new Error(`the sample does not say: ${from}`)
  return changes.reduce((changed, [from, to]) => changed.replaceAll(from, to), text)
}

async function run(command: string, args: readonly string[], folder: string): Promise<ChildProcess> {
  // Caddy keeps files in the user's folders; Debian keeps servers in sbin.
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const child = spawn(command, [...args], { env, stdio: ['ignore', 'ignore', process.env.SHOW_PROXY === undefined ? 'ignore' : 'inherit'] })
  // The tests may end in any way: nothing may stay behind.
  const killAtExit = () => child.kill('SIGTERM')
  process.once('exit', killAtExit)
  child.once('exit', () => process.off('exit', killAtExit))
  await once(child, 'spawn')
  return child
}

function isListening(child: ChildProcess, port: number): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`the proxy has ended: ${child.spawnargs.join(' ')}`)
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
  await rm(folder, { recursive: true, force: true })
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
