import { join } from 'node:path'
import { readPrivate, removePrivate, UnsafeFileError, writePrivate } from './private-files.ts'
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
      if (error instanceof UnsafeFileError) throw new StoreTrouble('other', error.message)
      const { code = 'unknown error' } = error as NodeJS.ErrnoException
      throw new StoreTrouble('other', `${folder} cannot be used: ${sentences[code] ?? code}`)
    }
  }
}

const sentences: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of this user is used up',
  EROFS: 'the disk is read-only',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
}
