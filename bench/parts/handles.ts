import { sessionCount } from '../subjects/subject.ts'
import { takeTurns } from '../turns.ts'
import { paths } from '../upstream.ts'
import { barOf, type Part } from './part.ts'
import { describeRounds, ratioTo } from './requests-per-cpu-second.ts'

const connections = 64

/** Native clients' requests beside browsers', at the same gateway: a handle costs what a cookie does. */
export const handles: Part = async ({ subjects, gateways, load, rounds, seconds }) => {
  const gateway = subjects.find(({ name }) => name === 'gateway')
  if (gateway === undefined) throw new Error('there is no gateway on the stand')
  const byHandle = { ...gateway, name: 'handles', cookies: await gateways.makeHandles(sessionCount), header: 'Authorization' } as const
  const options = { path: paths.short, connections, seconds }
  // The way of a handle is compiled by now no more than that of a cookie was.
  await load(byHandle, { ...options, seconds: 5 })
  const runs = await takeTurns({ subjects: [gateway, byHandle], rounds, load, options })
  return {
    title: `handles: the same with a handle in place of the cookie, ${connections} connections`,
    rows: describeRounds(runs),
    bars: barOf('requests by cookie for one by handle, per CPU-second', ratioTo(runs, 'handles'), 'at most', 1.1),
  }
}
