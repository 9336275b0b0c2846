import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const loginFileSchema = z.object({
  server: z.string(),
  username: z.string(),
  token: z.string(),
  expires_at: z.string(),
})
export type StoredLogin = z.output<typeof loginFileSchema>

const fileOf = (dataDir: string): string => join(dataDir, 'login.json')

/** The login at this server, if there is one. The token of one server is never sent to another. */
export async function readLogin(dataDir: string, server: string): Promise<StoredLogin | null> {
  let text: string
  try {
    text = await readFile(fileOf(dataDir), 'utf8')
  } catch {
    return null
  }
  const login = loginFileSchema.safeParse(jsonOf(text))
  return login.success && login.data.server === originOf(server) ? login.data : null
}

/** Keeps a login, readable by its owner only; it takes the place of the one before. */
export async function writeLogin(dataDir: string, login: StoredLogin): Promise<string> {
  const file = fileOf(dataDir)
  const draft = `${file}.${process.pid}`
  await mkdir(dataDir, { recursive: true })
  await writeFile(draft, `${JSON.stringify({ ...login, server: originOf(login.server) })}\n`, { mode: 0o600 })
  // The mode above counts for new files only.
  await chmod(draft, 0o600)
  await rename(draft, file)
  return file
}

export const removeLogin = (dataDir: string): Promise<void> => rm(fileOf(dataDir), { force: true })

const originOf = (server: string): string => server.replace(/\/+$/, '')

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}
