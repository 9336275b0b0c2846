import { sql } from 'drizzle-orm'
import { check, integer, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Who writes the runs of a partition. Rows appear with the first claim; the epoch is the fencing token. */
export const partitions = pgTable(
  'partitions',
  {
    id: smallint('id').primaryKey(),
    epoch: integer('epoch').notNull(),
    owner: text('owner').notNull(),
    claimedAt: instant('claimed_at').notNull(),
  },
  (table) => [check('partitions_epoch', sql`${table.id} >= 0 and ${table.epoch} >= 1`)],
)
