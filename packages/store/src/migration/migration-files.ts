import { readdir, readFile } from 'node:fs/promises'

/** A migration as it lies in the folder `migrations`. */
export interface Migration {
  /** File name without `.sql`; names sort in the order in which they are carried out. */
  readonly name: string
  /** Breaking: processes of the version before must be stopped first. From the first line of the file. */
  readonly kind: 'compatible' | 'breaking'
  readonly sql: string
}

// The same relative place from src/ (tests) and from dist/ (production).
const folder = new URL('../../migrations/', import.meta.url)

/** All migrations that this version of the code knows, in order. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).toSorted()
  return Promise.all(files.map(readMigration))
}

async function readMigration(file: string): Promise<Migration> {
  const text = await readFile(new URL(file, folder), 'utf8')
  const kind = /^-- (compatible|breaking):/.exec(text)?.[1]
  if (kind !== 'compatible' && kind !== 'breaking')
    throw new Error(`migration ${file} does not say whether it is compatible or breaking`)
  return { name: file.slice(0, -'.sql'.length), kind, sql: text }
}
