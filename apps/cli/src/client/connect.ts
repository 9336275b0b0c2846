import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RemoteFlags } from '../cli.ts'
import { clientConfigSchema, readSettings, type ClientConfig } from '../config.ts'
import { ApiClient } from './api-client.ts'

/** A client for the server that flags, environment or the data directory name. Nothing is sent yet. */
export async function connect(flags: RemoteFlags): Promise<ApiClient> {
  const { config } = await readSettings(clientConfigSchema, { ...flags })
  return new ApiClient({ server: config.server, token: await tokenOf(config) })
}

/** Without a token the request is sent anyway: the server's answer says it better than a guess here. */
async function tokenOf(config: ClientConfig): Promise<string | null> {
  if (config.token !== null) return config.token
  try {
    return (await readFile(join(config.dataDir, 'token'), 'utf8')).trim()
  } catch {
    return null
  }
}
