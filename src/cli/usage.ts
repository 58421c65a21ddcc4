import { gatewayUsage, nativeUsages } from './native/usages.ts'

const configOption = `  --config FILE   a configuration file; may be given several times: maps merge, lists replace.
                  Without it, the files named in SALLYPORT_CONFIG`

const adminOptions = `  --admin URL     the admin port of a gateway: https, or http on this machine itself
  --token-file FILE
                  holds the token, one of admin.tokens. Without it: SALLYPORT_ADMIN_TOKEN`

const usages: Readonly<Record<string, string>> = {
  serve: `Usage: sallyport serve [--config FILE]...

Runs the gateway until SIGTERM or Ctrl-C.

${configOption}`,

  demo: `Usage: sallyport demo [--without-gateway]

Runs a gateway, an OpenID provider, an API and a page on this machine, with nothing to install.

  --without-gateway   all but the gateway, for config/gateway.dev.yaml`,

  doctor: `Usage: sallyport doctor [--config FILE]... [--json]

Looks at everything a gateway with this configuration would talk to, from this machine: names, certificates and
clocks, providers, the store and what it lets us do, upstreams, the way to browsers. It changes nothing.

${configOption}
  --json          the findings as JSON

Exit codes: 0 all is well enough to work, 1 something is not, 2 the configuration is refused.`,

  'config check': `Usage: sallyport config check [--config FILE]... [--json]

Says everything that is wrong with a configuration, as a start would.

${configOption}
  --json          the answer as JSON, mistakes included`,

  'config schema': `Usage: sallyport config schema

Prints the JSON Schema of the configuration, for editors.`,

  'config explain': `Usage: sallyport config explain METHOD PATH [--origin ORIGIN] [--config FILE]... [--json]

Says which route a request matches and what will happen to it.

  --origin ORIGIN the origin that it comes to; the first of the configuration when not given
${configOption}
  --json          the answer as JSON`,

  'keys generate': `Usage: sallyport keys generate [--kind cookie|sealing|admin|assertion] [--json]

Prints a new key: 32 random bytes, base64url; for assertions a private key on P-256, PEM.

  --kind KIND     what it is for: cookie (default), sealing, admin: a token for admin.tokens, or assertion: for
                  assertionKeys
  --json          the answer as JSON`,

  'secrets status': `Usage: sallyport secrets status --admin URL [--token-file FILE] [--json]

Lists the keys and secrets that a gateway has read from files, and how long ago each file changed.

${adminOptions}
  --json          the gateway's answer as JSON`,

  'sessions ls': `Usage: sallyport sessions ls [--gateway URL] [--profile P] [--json]
       sallyport sessions ls --admin URL --provider P --sub S [--token-file FILE] [--json]

Lists your own sessions, or as an administrator those of a user, the newest first.

${gatewayUsage}
${adminOptions}
  --provider P    the provider's name in the configuration
  --sub S         the user's id there
  --json          the gateway's answer as JSON`,

  'sessions revoke': `Usage: sallyport sessions revoke [--gateway URL] [--profile P] SESSION_ID
       sallyport sessions revoke --admin URL [--token-file FILE] SESSION_ID
       sallyport sessions revoke --admin URL [--token-file FILE] --provider P --sub S

Ends one session, with those that were delegated from it, or as an administrator all sessions of a user.

${gatewayUsage}
${adminOptions}
  --provider P    the provider's name in the configuration
  --sub S         the user's id there`,

  ...nativeUsages,
}

const overview = `Usage: sallyport <command> [options]

  serve             run the gateway
  demo              try it: gateway, provider, API and page on this machine
  doctor            look at all that a gateway would talk to, and say what is wrong
  config check      say everything that is wrong with a configuration
  config schema     print its JSON Schema
  config explain    say what will happen to a request
  keys generate     print a new key for cookies, sealing or assertions, or a token for administrators
  secrets status    say how old keys and secrets are, as an administrator
  sessions ls       list your sessions, or as an administrator a user's
  sessions revoke   end them

  login             sign in to a gateway
  logout            sign out again
  status            say who is signed in, and for how long
  token             print the handle, for a script
  curl              call the gateway with it
  run               run a command with a lesser handle of its own
  exec-credential   give kubectl the handle

  --help            after a command: its options
  --version         the version

Exit codes: 0 ok, 1 other, 2 usage or configuration, 3 denied, 4 login needed, 5 timed out, 6 gateway unreachable,
7 credential could not be stored, 8 stopped for security, 130 Ctrl-C; of run and curl the command's.`

/** How to call a command; the overview for any other name, or those commands that begin with it. */
export function usageOf(name: string): string {
  const usage = usages[name]
  if (usage !== undefined) return usage
  const group = Object.entries(usages).filter(([command]) => name !== '' && command.startsWith(`${name} `))
  return group.length === 0 ? overview : group.map(([, text]) => text).join('\n\n')
}
