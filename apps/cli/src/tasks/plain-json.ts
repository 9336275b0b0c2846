import type { JsonValue } from '@celeriac/core'

/**
 * A value of a task as plain JSON, for people and programs: moments in ISO 8601, bytes in base64, decimals, UUIDs and
 * integers beyond 2^53 as text.
 */
export function plainJson(value: unknown): JsonValue {
  const text = JSON.stringify(value, function (this: unknown, _key, part: unknown) {
    if (typeof part === 'bigint') return part.toString()
    if (part instanceof Uint8Array) return Buffer.from(part).toString('base64')
    return part
  })
  // What has no form in JSON at all is nothing.
  return text === undefined ? null : (JSON.parse(text) as JsonValue)
}

/** For a cell of a table. */
export const shownJson = (value: unknown): string =>
  value === undefined || value === null
    ? ''
    : typeof value === 'string'
      ? value
      : JSON.stringify(plainJson(value))
