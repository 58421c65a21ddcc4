import { KeyObject } from 'node:crypto'

/**
 * Freezes a value and all it holds. Buffers stay as they are: the language cannot freeze them; and so do keys, which
 * nobody can change, and which Node gives a member when they are first asked about themselves.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof KeyObject || Object.isFrozen(value))
    return value
  Object.freeze(value)
  for (const held of Object.values(value)) deepFreeze(held)
  return value
}
