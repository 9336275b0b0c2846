import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const nameOf = { token: 'token', server: 'token.server' } as const

/**
 * The admin token of the data directory, where it may be sent to this server: one on this machine, or the one that the
 * token is of. Whoever types the address of another must not give the right to everything away with it.
 */
export async function readAdminToken(dataDir: string, server: string): Promise<string | null> {
  const read = (name: string): Promise<string | null> =>
    readFile(join(dataDir, name), 'utf8').then(
      (text) => text.trim(),
      () => null,
    )
  const origin = originOf(server)
  if (origin === null) return null
  const mayHave = isOnThisMachine(origin) || origin === originOf((await read(nameOf.server)) ?? '')
  return mayHave ? read(nameOf.token) : null
}

/** Notes, beside the token that a scheduler has made or found, where the scheduler listens. */
export async function noteServer(
  dataDir: string,
  { url, token }: { readonly url: string; readonly token: { readonly file: string | null } },
): Promise<void> {
  if (token.file !== null) await writeFile(join(dataDir, nameOf.server), `${url}\n`, { mode: 0o600 })
}

/** Scheme, host and port; null for what is no address. */
const originOf = (server: string): string | null => (URL.canParse(server) ? new URL(server).origin : null)

/** By names and addresses that lead nowhere else. URLs write addresses in one way: `127.1` is `127.0.0.1` there. */
const isOnThisMachine = (origin: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(origin).hostname)
