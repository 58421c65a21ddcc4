import type { z } from 'zod'
import { type ConfigPath, isWithin, type Mistake } from './mistakes.ts'
import type { ConfigOptions, ConfigSchema } from './schema.ts'
import type { AdminOptions } from './schema-admin.ts'
import { isMap } from './schema-forms.ts'
import type { ForwardAuthOptions } from './schema-forward-auth.ts'
import type { NativeOptions } from './schema-native.ts'
import type { ProviderOptions } from './schema-provider.ts'
import type { RouteOptions } from './schema-routes.ts'
import type { SessionOptions } from './schema-session.ts'
import { mistakesFrom, sentenceFor } from './sentences.ts'

/**
 * The parts of a configuration that can be read, for the checks between them: an option that cannot be read does
 * not keep the mistakes around it from being told in the same run.
 */
export interface Draft {
  readonly sections: Partial<Omit<ConfigOptions, 'admin' | 'forwardAuth' | 'identityProviders' | 'native' | 'routes' | 'session'>>
  readonly admin: Partial<AdminOptions>
  /** Null where the section is not there at all. */
  readonly forwardAuth: Partial<ForwardAuthOptions> | null
  /** Likewise. */
  readonly native: Partial<NativeOptions> | null
  readonly session: Partial<SessionOptions>
  readonly providers: ReadonlyMap<string, Partial<ProviderOptions>>
  /** By position in the list. */
  readonly routes: ReadonlyMap<number, Partial<RouteOptions>>
  /** Whether what stands at a place could not be read, so that nobody knows what it says. */
  readonly isUnreadable: (path: ConfigPath) => boolean
  /** Everything, when all of it can be read. */
  readonly whole: ConfigOptions | null
}

/**
 * Reads options by the schema.
 *
 * @param earlier mistakes found before, at whose places there is nothing to read
 * @returns what could be read, and the further mistakes
 */
export function readDraft(
  schema: ConfigSchema,
  value: unknown,
  earlier: readonly Mistake[],
): { draft: Draft; mistakes: readonly Mistake[] } {
  const result = schema.safeParse(value, { error: sentenceFor })
  const found = result.success ? [] : mistakesFrom(schema, value, result.error.issues)
  const unreadable = [...earlier, ...found].map(mistake => mistake.path)
  return {
    draft: { ...readParts(schema, value, unreadable), whole: result.success ? result.data : null },
    mistakes: found.filter(mistake => !earlier.some(known => isWithin(mistake.path, known.path))),
  }
}

function readParts(schema: ConfigSchema, value: unknown, unreadable: readonly ConfigPath[]): Omit<Draft, 'whole'> {
  const shape = schema.def.shape
  const options = isMap(value) ? value : {}
  const { identityProviders, routes, session } = options

  const providers = Object.entries(isMap(identityProviders) ? identityProviders : {}).map(
    ([id, entry]) => [id, readMembers(shape.identityProviders.def.valueType, entry, ['identityProviders', id])] as const,
  )
  const routeList = Array.isArray(routes) ? routes : []
  return {
    isUnreadable,
    sections: readMembers(
      schema.omit({ admin: true, forwardAuth: true, identityProviders: true, native: true, routes: true, session: true }),
      options,
      [],
    ),
    admin: readMembers(shape.admin.unwrap(), options.admin, ['admin']),
    forwardAuth: options.forwardAuth === undefined ? null : readMembers(shape.forwardAuth.unwrap(), options.forwardAuth, ['forwardAuth']),
    native: options.native === undefined ? null : readMembers(shape.native.unwrap(), options.native, ['native']),
    session: readMembers(shape.session, session, ['session']),
    providers: new Map(providers),
    routes: new Map(routeList.map((entry, i) => [i, readMembers(shape.routes.def.element, entry, ['routes', i])])),
  }

  function isUnreadable(path: ConfigPath): boolean {
    return unreadable.some(other => isWithin(other, path))
  }

  /** Every member in which nothing is wrong; one that was left out has its default. */
  function readMembers<T extends z.ZodObject>(schema: T, entry: unknown, path: ConfigPath): Partial<z.output<T>> {
    const members: Record<string, unknown> = {}
    if (!isMap(entry)) return members as Partial<z.output<T>>
    for (const [name, member] of Object.entries(schema.shape)) {
      const at = [...path, name]
      if (isUnreadable(at)) continue
      const read = (member as z.ZodType).safeParse(entry[name])
      if (read.success && read.data !== undefined) members[name] = read.data
    }
    return members as Partial<z.output<T>>
  }
}
