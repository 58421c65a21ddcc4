import { join } from 'node:path'
import { describeFileTrouble, readPrivate, removePrivate, writePrivate } from './private-files.ts'
import { type SecretPlace, StoreTrouble } from './secret-place.ts'

/** Files that only this user can read, for machines without a keychain. */
export function createFilePlace(folder: string): SecretPlace {
  const fileOf = (account: string) => join(folder, account)

  return {
    kind: 'file',
    description: folder,

    async load(account) {
      return translated(() => readPrivate(fileOf(account))?.trimEnd() ?? null)
    },

    async save(account, secret) {
      translated(() => writePrivate(fileOf(account), `${secret}\n`))
    },

    async remove(account) {
      return translated(() => removePrivate(fileOf(account)))
    },
  }

  function translated<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw new StoreTrouble('other', describeFileTrouble(folder, error))
    }
  }
}
