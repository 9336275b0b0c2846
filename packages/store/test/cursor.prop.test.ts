import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAppError } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../src/cursor.ts'

const kinds = ['instant', 'uuid', 'integer'] as const
const parts = fc.tuple(fc.maxSafeNat(), fc.uuid(), fc.maxSafeInteger())

test('a cursor decodes to what was encoded', () => {
  fc.assert(
    fc.property(parts, (given) => {
      const cursor = encodeCursor('runs', given)
      expect(cursor).toMatch(/^[\w-]+$/)
      expect(decodeCursor('runs', cursor, kinds)).toEqual(given)
    }),
  )
})

test('whatever else a client sends as a cursor is refused as a fault of the client', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    parts.map((given) => encodeCursor('dags', given)),
    parts.map(([instant, uuid]) => encodeCursor('runs', [-1 - instant, uuid, 1])),
    parts.map(([instant, uuid]) => encodeCursor('runs', [instant, `${uuid}'`, 1])),
    parts.map((given) => encodeCursor('runs', [...given, 1])),
  )
  fc.assert(
    fc.property(anything, (cursor) => {
      let thrown: unknown = null
      try {
        decodeCursor('runs', cursor, kinds)
      } catch (error) {
        thrown = error
      }
      expect(isAppError(thrown) && thrown.code).toBe('VALIDATION_BODY_INVALID')
    }),
  )
})
