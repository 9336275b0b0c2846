import { pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/**
 * The migrations that were carried out, by file name without its ending. A further column, `kind`, is the migrator's own:
 * src/migration/migrate.ts adds it, since it has to be there before the first migration is noted.
 */
export const schemaMigrations = pgTable('schema_migrations', {
  name: text('name').primaryKey(),
  appliedAt: instant('applied_at').notNull(),
})
