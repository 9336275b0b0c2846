import { AppError } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'

const statement: Statement = {
  name: 'ping_writable',
  // `on` in a hot standby as well, and where `default_transaction_read_only` makes every session read-only.
  text: `select current_setting('transaction_read_only') as read_only`,
}

/** Resolves when the database answers and takes writes: one that can only be read is of no use to an engine. */
export async function ping(database: Database): Promise<void> {
  const [row] = await database.ask<{ read_only: string }>(statement)
  if (row?.read_only === 'on') throw new AppError('STORE_UNAVAILABLE', 'the database is read-only')
}
