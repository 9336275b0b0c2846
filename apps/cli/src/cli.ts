import type { Command } from 'commander'
import { clientConfigSchema } from './config.ts'
import type { ExitReason } from './exit-codes.ts'
import type { Io } from './io.ts'
import { withSettings } from './setting-options.ts'

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
export const withServer = (command: Command): Command => withSettings(withJson(command), clientConfigSchema)

export const withJson = (command: Command): Command =>
  command.option('--json', 'machine-readable output: see docs/reference/json-output.md')

/** JSON for programs: one document, stable keys as in the HTTP interface. `json-output.ts` has the shapes. */
export const printJson = (io: Io, value: unknown): void => io.out(JSON.stringify(value, null, 2))

/** JSON for programs that read a stream: one document per line. */
export const printJsonLine = (io: Io, value: unknown): void => io.out(JSON.stringify(value))
