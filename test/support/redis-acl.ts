import { readProjectFile } from './project-files.ts'

/** Who the gateway is to a Redis that an operator set up by docs/store.md. */
export const documented = { username: 'sallyport', password: 'sesame' }

/** The line for Redis's own ACL file. */
export function documentedUser(kind: 'redis' | 'redis-sentinel' | 'redis-cluster'): string {
  return lineAfter(kind)
}

/** The line for the ACL of the sentinels. */
export function documentedSentinelUser(): string {
  return lineAfter('sentinels')
}

function lineAfter(name: string): string {
  const line = new RegExp(`^# ${name}\\nuser sallyport .+$`, 'm').exec(readProjectFile('docs/store.md'))?.[0].split('\n')[1]
  if (line === undefined) throw new Error(`docs/store.md has no ACL line for ${name}`)
  return line.replace('>PASSWORD', `>${documented.password}`)
}
