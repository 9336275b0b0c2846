import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { migrate } from '@celeriac/store'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '..', '..', '..')
const templates = join(root, '.cache', 'embedded-databases')
let template: Promise<string> | null = null

/**
 * Makes `dataDir` an embedded database of the newest schema, which nobody has opened yet. It is a copy: making one from
 * nothing (initdb) takes four seconds of processor time, copying one a tenth of a second. The original is made by
 * whoever needs it first, and kept.
 */
export async function copyEmbeddedDatabase(dataDir: string): Promise<void> {
  template ??= ensureTemplate()
  await mkdir(dirname(dataDir), { recursive: true })
  // Node's own takes three times as long.
  await execute('cp', ['-a', await template, dataDir])
}

async function ensureTemplate(): Promise<string> {
  const path = join(templates, await versionOf())
  if (existsSync(path)) return path
  const draft = `${path}.${randomUUID()}`
  await migrate({ dataDir: draft })
  // Other test processes may make theirs at the same time: one of them stays.
  await rename(draft, path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    await rm(draft, { recursive: true })
  })
  return path
}

/** Differs when the files of a database would: by PGlite and by the migrations. */
async function versionOf(): Promise<string> {
  const migrations = join(root, 'packages', 'store', 'migrations')
  const scripts = (await readdir(migrations)).filter((name) => name.endsWith('.sql')).toSorted()
  const files = [
    join(root, 'node_modules', '@electric-sql', 'pglite', 'package.json'),
    ...scripts.map((name) => join(migrations, name)),
  ]
  const hash = createHash('sha256')
  for (const file of files) hash.update(file).update(await readFile(file))
  return hash.digest('hex').slice(0, 16)
}
