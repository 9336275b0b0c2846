import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface AdminToken {
  readonly token: string
  /** Where it is kept; null when the configuration gives it. */
  readonly file: string | null
  /** True when it was made just now. */
  readonly isNew: boolean
}

/**
 * The admin token: from the configuration, else from the file `token` of the data directory, which is made with a random
 * token the first time, readable by its owner only. Two schedulers that start at once agree on one.
 */
export async function adminToken(config: { apiToken: string | null; dataDir: string }): Promise<AdminToken> {
  if (config.apiToken !== null) return { token: config.apiToken, file: null, isNew: false }
  const file = join(config.dataDir, 'token')
  await mkdir(config.dataDir, { recursive: true })
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  const token = randomBytes(24).toString('base64url')
  await writeFile(draft, `${token}\n`, { mode: 0o600 })
  try {
    // A hard link appears whole or not at all, and only where there is no file yet.
    await link(draft, file)
    return { token, file, isNew: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { token: (await readFile(file, 'utf8')).trim(), file, isNew: false }
  } finally {
    await rm(draft, { force: true })
  }
}
