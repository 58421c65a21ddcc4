// First step of every npm script, in JavaScript that old versions understand: it must run on the Node it complains of.
// Where a script is one program, it is imported into that (`--import`).
//
// `npm ci` brings the Node that the scripts use (tools/node). Where it has none for the platform, or optional
// dependencies were left out, the machine's own Node runs, and an old one would stop at the first `.ts` file
// with a message that helps nobody.
const wanted = 24
const found = Number(process.versions.node.split('.')[0])

if (found < wanted) {
  console.error(
    [
      `Sallyport needs Node ${wanted} or newer; this is Node ${process.versions.node} (${process.execPath}).`,
      '',
      `On Linux (x64, arm64) "npm ci" installs the right one beside the project: run it again, without --omit=optional.`,
      `Elsewhere install Node ${wanted} from nodejs.org or with a version manager, put it first on PATH, and try again.`,
    ].join('\n'),
  )
  process.exit(2)
}
