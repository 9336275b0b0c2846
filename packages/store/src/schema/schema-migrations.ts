import { pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** The migrations that were carried out, by file name without its ending. */
export const schemaMigrations = pgTable('schema_migrations', {
  name: text('name').primaryKey(),
  appliedAt: instant('applied_at').notNull(),
})
