import { sql, type SQL } from 'drizzle-orm'
import { timestamp, type PgColumn } from 'drizzle-orm/pg-core'
import type { Instant } from '@celeriac/core'

/** A moment: `timestamptz(3)`, because the port speaks whole milliseconds and cursors must compare exactly. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'string' })

/** Reads an instant as epoch milliseconds, whatever the session's time zone and date style are. */
export const epochMs = (column: PgColumn | SQL): SQL<Instant> =>
  sql<Instant>`round(date_part('epoch', ${column}) * 1000)`.mapWith(Number)

/** As {@link epochMs}, for columns that may be null. */
export const epochMsOrNull = (column: PgColumn | SQL): SQL<Instant | null> =>
  sql<Instant | null>`round(date_part('epoch', ${column}) * 1000)`.mapWith((value: unknown) =>
    value === null ? null : Number(value),
  )

/** Epoch milliseconds as a value to compare with or store in an instant column. */
export const fromEpochMs = (ms: Instant): SQL => sql`to_timestamp(${ms}::float8 / 1000)::timestamptz(3)`

/** A list of constants from core, as the inside of `in (…)` of a CHECK constraint. */
export const literals = (values: readonly string[]): SQL =>
  sql.raw(`(${values.map((value) => `'${value}'`).join(', ')})`)
