/** How a gateway is named to every command that uses its handle. */
export const gatewayUsage = `  --gateway URL   the gateway's address. Without it: SALLYPORT_GATEWAY, else the profile's
  --profile P     a name for a gateway and its sign-in; default when not given`

const jsonUsage = '  --json          the answer as JSON'

/** How the commands of a native client are called. */
export const nativeUsages: Readonly<Record<string, string>> = {
  login: `Usage: sallyport login [--gateway URL] [--profile P] [--scope SCOPES] [--device | --no-browser] [--port N]
                       [--store keychain|file] [--timeout D] [--json]
       sallyport login --no-wait [--gateway URL] [--profile P] [--scope SCOPES] [--json]
       sallyport login --resume ID [--timeout D] [--json]

Signs in by your browser, and keeps what the gateway gives: in the keychain, else in a file that only you can read.

${gatewayUsage}
  --scope SCOPES  what to ask for, in quotes when several. Without it: all that the gateway lets this program have
  --device        by a code that you type on any other device, and in no other way
  --no-browser    do not open a browser here: show the address, and take the one that it ends at
  --port N        listen on this port of 127.0.0.1, as for a tunnel. Without it: any that is free
  --store KIND    keychain or file
  --timeout D     how long to wait for you: 10m when not given
  --no-wait       say what you have to do, and end at once; --resume goes on
  --resume ID     go on with that sign-in; where it had no code, with the address it ended at on stdin
${jsonUsage}`,

  logout: `Usage: sallyport logout [--gateway URL] [--profile P] [--json]

Ends the session at the gateway, with all that was delegated from it, and forgets the handle.

${gatewayUsage}
${jsonUsage}`,

  status: `Usage: sallyport status [--gateway URL] [--profile P] [--json]

Says who is signed in, what the handle may do, until when, and where it is kept.

${gatewayUsage}
${jsonUsage}`,

  token: `Usage: sallyport token [--gateway URL] [--profile P] [--json]

Prints the handle. Ends with 4 when there is none, or its time is up.

${gatewayUsage}
${jsonUsage}`,

  curl: `Usage: sallyport curl [--gateway URL] [--profile P] PATH|URL [CURL OPTIONS]...

Calls the gateway by the system's curl, with the handle. Other addresses than the gateway's are refused, and so are
options by which the handle could go elsewhere.

${gatewayUsage}`,

  run: `Usage: sallyport run [--gateway URL] [--profile P] --scope SCOPES [--ttl D] [--name N]
                     [--route 'METHOD PATH']... [--max-calls N] -- COMMAND [ARGUMENT]...

Runs a command with a handle of its own in SALLYPORT_TOKEN, and the gateway in SALLYPORT_GATEWAY. It may do no more than
SCOPES, lives for D at most, and is revoked when the command ends.

${gatewayUsage}
  --scope SCOPES  what it may do, in quotes when several
  --ttl D         how long, such as 30m: 15m when not given, 8h at most
  --name N        what it is called in lists and in the audit; the command's own name when not given
  --route 'M P'   only such calls, as 'GET /api/orders/*'; may be given several times
  --max-calls N   only so many of them`,

  'exec-credential': `Usage: sallyport exec-credential [--gateway URL] [--profile P]

Prints the handle as kubectl takes it from a credential plugin (client.authentication.k8s.io/v1).

${gatewayUsage}`,
}
