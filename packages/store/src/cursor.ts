import { AppError } from '@celeriac/core'
import { storableText } from './storable-json.ts'
import { isUuid } from './uuid.ts'

/** What a part of a cursor may be: epoch milliseconds, a UUID, a whole number, or a name. */
export type CursorKind = 'instant' | 'uuid' | 'integer' | 'text'

type CursorParts<T extends readonly CursorKind[]> = {
  -readonly [K in keyof T]: T[K] extends 'uuid' | 'text' ? string : number
}

/** Where a page of a keyset-ordered list ended. Opaque to clients: base64url of a JSON array. */
export const encodeCursor = (list: string, parts: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify([list, ...parts])).toString('base64url')

/**
 * The parts of a cursor of this list, safe to compare with in SQL.
 * @throws AppError VALIDATION_BODY_INVALID when it cannot be a cursor of this list
 */
export function decodeCursor<const T extends readonly CursorKind[]>(
  list: string,
  cursor: string,
  kinds: T,
): CursorParts<T> {
  const decoded = parse(cursor)
  const [name, ...parts] = Array.isArray(decoded) ? (decoded as unknown[]) : []
  const fits = parts.length === kinds.length && kinds.every((kind, index) => isOfKind(kind, parts[index]))
  if (name !== list || !fits)
    throw new AppError('VALIDATION_BODY_INVALID', 'the cursor is not one of this list', {
      details: { problems: [{ path: 'cursor', message: 'not a cursor of this list' }] },
    })
  return parts as CursorParts<T>
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return null
  }
}

function isOfKind(kind: CursorKind, part: unknown): boolean {
  switch (kind) {
    case 'uuid':
      return typeof part === 'string' && isUuid(part)
    case 'text':
      // PostgreSQL compares no text with a NUL or half a surrogate pair.
      return typeof part === 'string' && part !== '' && storableText(part) === part
    case 'integer':
      return Number.isSafeInteger(part)
    case 'instant':
      // Before 1970 there is nothing to list, and PostgreSQL's calendar ends before JavaScript's numbers do.
      return Number.isSafeInteger(part) && Number(part) >= 0
  }
}
