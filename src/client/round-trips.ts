const storageKey = 'sallyport.trips'

/** The sign-ins that this tab was sent to: under what each was for, when the tab came back, 0 while it is away. */
type Trips = Readonly<Record<string, number>>

/** Tells a sign-in that helped from one that leads in a circle. */
export interface RoundTrips {
  /** The tab leaves for this purpose. @returns false when it has only just come back from there, and must not go again */
  leave(purpose: string): boolean
}

/**
 * Creates the memory of round trips, in sessionStorage: of this tab, and alive across the navigation. Time counts from the
 * coming back, since a person may take minutes at the provider. Where nothing can be stored, cookies do not work either,
 * and no sign-in would help: the answer is no.
 */
export function createRoundTrips(withinMs: number): RoundTrips {
  try {
    const backAt = Date.now()
    write(Object.fromEntries(Object.entries(read()).map(([purpose, at]) => [purpose, at || backAt])))
  } catch {
    // `leave` says no.
  }

  return {
    leave(purpose) {
      try {
        const trips = read()
        if (Date.now() - (trips[purpose] ?? 0) < withinMs) return false
        write({ ...trips, [purpose]: 0 })
        return true
      } catch {
        return false
      }
    },
  }
}

function read(): Trips {
  return JSON.parse(sessionStorage.getItem(storageKey) ?? '{}') as Trips
}

function write(trips: Trips): void {
  sessionStorage.setItem(storageKey, JSON.stringify(trips))
}
