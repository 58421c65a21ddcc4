import { z } from 'zod'

/** The forms that a value may have at one place of the configuration, each with the schema for it. */
export interface Forms {
  readonly map?: z.ZodObject | z.ZodRecord
  readonly list?: z.ZodArray
  readonly scalar?: z.ZodType
}

/**
 * Looks through defaults, transforms and unions at what may be written at one place.
 *
 * The walks over the configuration that zod does not do (merging files, reading values from outside,
 * suggesting names, listing options) ask here, so that all of them see the one schema.
 */
export function formsOf(schema: z.core.$ZodType): Forms {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return formsOf(schema.def.innerType)
  }
  if (schema instanceof z.ZodPipe) return formsOf(schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in)
  if (schema instanceof z.ZodUnion) return Object.assign({}, ...schema.def.options.map(formsOf))
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return { map: schema }
  if (schema instanceof z.ZodArray) return { list: schema }
  return { scalar: schema as z.ZodType }
}

/** The schema one step further in; undefined for a name the schema does not know. */
export function childOf(forms: Forms, key: string | number): z.core.$ZodType | undefined {
  if (typeof key === 'number') return forms.list?.def.element
  if (forms.map instanceof z.ZodRecord) return forms.map.def.valueType
  const shape = forms.map?.def.shape
  return shape !== undefined && Object.hasOwn(shape, key) ? shape[key] : undefined
}

/** The names that a map may have here; none where they are the operator's own. */
export function namesOf(forms: Forms): readonly string[] {
  return forms.map instanceof z.ZodObject ? Object.keys(forms.map.def.shape) : []
}

/** Whether `{ env: … }` and `{ file: … }` stand for a single value here, although a map may stand here too: not where it has such a name itself. */
export function mayComeFromOutside(forms: Forms): boolean {
  return forms.map instanceof z.ZodObject && !namesOf(forms).some(name => name === 'env' || name === 'file')
}

/** The forms at the end of a path; none of them where the path leaves the schema. */
export function formsAt(root: z.core.$ZodType, path: readonly PropertyKey[]): Forms {
  let forms = formsOf(root)
  for (const key of path) {
    const child = childOf(forms, typeof key === 'number' ? key : String(key))
    if (child === undefined) return {}
    forms = formsOf(child)
  }
  return forms
}

/** Whether a value is a map: an object that is no list. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
