export interface Order {
  readonly id: number
  readonly item: string
  readonly by: string
}

/** What the demo's API keeps, until it stops. */
export interface Orders {
  list(): readonly Order[]
  /** @returns null where it is no item: text of 1 to 80 characters */
  add(item: unknown, by: string): Order | null
}

// So that a page left open with a script at work does not fill the memory.
const maxOrders = 100

export function createOrders(): Orders {
  const orders: Order[] = [
    { id: 1, item: 'Lantern', by: 'alice' },
    { id: 2, item: 'Rope, 20 m', by: 'bob' },
  ]
  return {
    list: () => orders,
    add(item, by) {
      if (typeof item !== 'string' || item.length === 0 || item.length > 80) return null
      const added = { id: (orders.at(-1)?.id ?? 0) + 1, item, by }
      orders.push(added)
      if (orders.length > maxOrders) orders.shift()
      return added
    },
  }
}
