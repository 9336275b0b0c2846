import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
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
  try {
    const token = randomBytes(24).toString('base64url')
    await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' })
    return { token, file, isNew: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { token: (await readFile(file, 'utf8')).trim(), file, isNew: false }
  }
}
