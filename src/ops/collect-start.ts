import { Session } from 'node:inspector/promises'

/**
 * Collects once what loading has left behind, and gives the memory back: 30 to 45 MB, which V8 would keep until there is
 * need for it. Loading makes many objects that live for a moment, and the young space has grown for them; under load it
 * grows again. It takes a tenth of a second in which nothing else happens, so it is for before the program listens.
 *
 * V8 has no call for it that needs no flag, but for the one that its debugger has (Chrome DevTools Protocol,
 * HeapProfiler.collectGarbage). docs/decisions/018. Under `node --permission`, which keeps it away, the memory stays.
 */
export async function collectWhatStartLeft(): Promise<void> {
  if (process.permission?.has('inspector') === false) return
  const session = new Session()
  session.connect()
  try {
    await session.post('HeapProfiler.collectGarbage')
  } finally {
    session.disconnect()
  }
}
