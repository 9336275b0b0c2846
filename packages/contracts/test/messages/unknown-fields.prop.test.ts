import type { JsonValue } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commits, decoders, deliveryOf, golden, type GoldenMessage } from './golden-messages.ts'

/** Keys whose values are maps: their keys are data, no fields. */
const maps = new Set(['inputs', 'outputs', 'metrics', 'slots'])
type Fields = Record<string, JsonValue>

/** Every object of the message that has fields: the message's headers, its body, and what is in them. */
function* objectsOf(value: JsonValue, isMap = false): Generator<Fields> {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value as JsonValue[]) yield* objectsOf(item)
    return
  }
  if (!isMap) yield value as Fields
  for (const [key, inner] of Object.entries(value)) yield* objectsOf(inner, maps.has(key))
}

const cases = commits.flatMap((commit) =>
  Object.entries(golden(commit)).map(([name, message]) => ({ commit, name, message })),
)
/** No field of ours is called so. */
const fieldName = fc.string({ maxLength: 12 }).map((name) => `from_the_future_${name}`)
const additions = fc.array(fc.tuple(fc.nat(), fieldName, fc.jsonValue({ maxDepth: 3 })), {
  minLength: 1,
  maxLength: 12,
})

test.each(cases)('$name of $commit says the same with unknown fields at any depth', ({ name, message }) => {
  const decode = decoders[name]!
  const read = decode(deliveryOf(message))
  fc.assert(
    fc.property(additions, (added) => {
      const later = structuredClone(message) as GoldenMessage & { headers?: JsonValue; body: JsonValue }
      later.headers ??= {}
      const objects = [...objectsOf(later.headers), ...objectsOf(later.body)]
      for (const [index, key, value] of added) objects[index % objects.length]![key] = value as JsonValue
      // What is the user's own (params, a traceback) is handed on with whatever is in it.
      expect(decode(deliveryOf(later))).toMatchObject(read as object)
    }),
    { numRuns: 50 },
  )
})
