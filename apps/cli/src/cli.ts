import type { Command } from 'commander'
import type { ExitReason } from './exit-codes.ts'
import type { Io } from './io.ts'

/** What the commands share. */
export interface Cli {
  readonly io: Io
  /**
   * Aborts when the user presses Ctrl-C. Asking for it takes Ctrl-C over: a command that does must end then by itself;
   * the others are ended by the operating system, as usual.
   */
  readonly signal: () => AbortSignal
  /** The command's verdict; `ok` unless it says otherwise. */
  readonly end: (reason: ExitReason) => void
}

export type AddCommands = (program: Command, cli: Cli) => void

export interface RemoteFlags {
  readonly server?: string
  readonly token?: string
  readonly dataDir?: string
  readonly config?: string
  readonly json?: boolean
}

/** Options of every command that talks to a server. */
export const withServer = (command: Command): Command =>
  withJson(command)
    .option('--server <url>', 'address of the scheduler (CELERIAC_SERVER, http://127.0.0.1:8780)')
    .option('--token <token>', 'API token (CELERIAC_API_TOKEN, else <data-dir>/token)')
    .option('--data-dir <dir>', 'data directory (CELERIAC_DATA_DIR, .celeriac)')
    .option('--config <file>', 'configuration file, JSON (CELERIAC_CONFIG)')

export const withJson = (command: Command): Command => command.option('--json', 'machine-readable output')

/** JSON for programs: one document, stable keys as in the HTTP interface. */
export const printJson = (io: Io, value: unknown): void => io.out(JSON.stringify(value, null, 2))
