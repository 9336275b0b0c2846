import { sql } from 'drizzle-orm'
import { bigint, check, index, jsonb, pgSequence, pgTable, text } from 'drizzle-orm/pg-core'
import type { DatasetColumn, DatasetRecord } from '@celeriac/core'
import { instant, literals } from './columns.ts'

const formats = ['csv', 'parquet'] as const satisfies readonly DatasetRecord['format'][]

/** Where data set ids come from when the user gives none. Ids are never given twice. */
export const datasetsIdSequence = pgSequence('datasets_id_seq')

/** Data sets. Ids are pinned by the user or taken from the sequence `datasets_id_seq`, which skips pinned ones. */
export const datasets = pgTable(
  'datasets',
  {
    id: bigint('id', { mode: 'number' }).primaryKey(),
    name: text('name').notNull(),
    format: text('format').$type<DatasetRecord['format']>().notNull(),
    uri: text('uri').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    rows: bigint('rows', { mode: 'number' }),
    sha256: text('sha256').notNull(),
    rename: jsonb('rename').$type<Readonly<Record<string, string>>>().notNull(),
    columns: jsonb('columns').$type<readonly DatasetColumn[]>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    index('datasets_list').on(table.createdAt, table.id),
    check('datasets_format', sql`${table.format} in ${literals(formats)}`),
    check('datasets_counts', sql`${table.id} >= 0 and ${table.bytes} >= 0 and ${table.rows} >= 0`),
  ],
)
