import type { Page } from '@celeriac/core'

const maxPageSize = 1_000

/** A page size within bounds: 1 to 1,000. */
export const pageSize = (limit: number): number => Math.min(Math.max(Math.trunc(limit) || 1, 1), maxPageSize)

/** A page out of `limit + 1` rows: the extra row only tells that there is more. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => T,
  cursorOf: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(toItem),
    cursor: rows.length > limit && last !== undefined ? cursorOf(last) : null,
  }
}
