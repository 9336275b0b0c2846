import type { RemoteFlags } from '../cli.ts'
import { clientConfigSchema, readSettings, type ClientConfig } from '../config.ts'
import { readAdminToken } from './admin-token-file.ts'
import { ApiClient } from './api-client.ts'
import { readLogin } from './login-file.ts'

/** A client for the server that flags, environment or the data directory name. Nothing is sent yet. */
export async function connect(flags: RemoteFlags): Promise<ApiClient> {
  const { config } = await readSettings(clientConfigSchema, { ...flags })
  return new ApiClient({ server: config.server, token: await tokenOf(config) })
}

/**
 * A token that is named, else the login, else the admin token of a scheduler on this machine. Without a token the request
 * is sent anyway: the server's answer says it better than a guess here.
 */
async function tokenOf(config: ClientConfig): Promise<string | null> {
  if (config.token !== null) return config.token
  const login = await readLogin(config.dataDir, config.server)
  return login === null ? readAdminToken(config.dataDir, config.server) : login.token
}
