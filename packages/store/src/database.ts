import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

/** The drizzle query builder, without what differs between drivers. */
export type Queryable = PgDatabase<PgQueryResultHKT>

/** A statement written out as SQL. The name is unique in the package: `pg` prepares it once per connection. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/**
 * What the operations need of a driver. Errors are the driver's own; `store.ts` converts them. A connection that failed
 * in any way but a refused statement is never used again.
 */
export interface Database {
  open(): Promise<void>
  /** Waits for what is under way, then closes. Idempotent; legal before `open`. */
  close(): Promise<void>
  /** Runs one hand-written statement in a transaction of its own. Rows are objects by column name. */
  call<Row>(statement: Statement, params?: readonly unknown[]): Promise<readonly Row[]>
  /** Runs one statement for a sign of life: not held up by other calls where connections can be had, and soon given up. */
  ask<Row>(statement: Statement): Promise<readonly Row[]>
  /** Runs statements of the query builder, each in a transaction of its own. */
  query<T>(work: (db: Queryable) => Promise<T>): Promise<T>
  /** Runs `work` in one transaction (read committed). Rolls back when it rejects. */
  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T>
  /** Runs SQL text of any number of statements in one transaction, for migrations. */
  script<T>(work: (run: RunScript) => Promise<T>): Promise<T>
}

export type RunScript = <Row>(text: string, params?: readonly unknown[]) => Promise<readonly Row[]>

/** The part of pino that the store uses. */
export interface StoreLogger {
  warn(fields: object, message: string): void
}
