/** Freezes a value and all it holds. Buffers stay as they are: the language cannot freeze them. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const held of Object.values(value)) deepFreeze(held)
  return value
}
