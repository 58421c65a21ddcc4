import { storeMark } from './store.ts'

const idForm = /^[A-Za-z0-9_-]{1,64}$/

/**
 * Refuses what is not 1 to 64 characters of base64url, so that no id can reach into another key (RDS-10).
 * The message does not repeat the value: it came from outside.
 *
 * @throws {TypeError}
 */
export function checkId(id: string): void {
  // The regular expression alone would take undefined for the word.
  if (typeof id !== 'string' || !idForm.test(id)) throw new TypeError('a store id must be 1 to 64 characters of base64url')
}

/**
 * Refuses a value that would pass for one of the store's own.
 *
 * @throws {TypeError}
 */
export function checkValue(value: string): void {
  if (value.startsWith(storeMark)) throw new TypeError('a stored value must not begin with the mark of the store')
}

/**
 * Refuses what is no limit.
 *
 * @throws {TypeError}
 */
export function checkPerMinute(perMinute: number): void {
  if (!Number.isInteger(perMinute) || perMinute < 1) throw new TypeError('a limit must be a whole number of at least 1')
}

/**
 * Whole milliseconds, at least 1. A life that has just run out is no mistake: the record is written, and gone.
 *
 * @throws {TypeError} for what is no finite number: such a record would stay for ever
 */
export function toLifeMs(ttlMs: number): number {
  if (!Number.isFinite(ttlMs)) throw new TypeError('a stored value needs a finite life')
  return Math.max(1, Math.ceil(ttlMs))
}
