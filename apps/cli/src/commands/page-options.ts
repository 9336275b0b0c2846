import type { Command } from 'commander'
import type { RemoteFlags } from '../cli.ts'
import { wholeNumber } from './runs.ts'

export interface PageFlags extends RemoteFlags {
  readonly limit: number
  readonly cursor?: string
}

/** Options of commands that list something page by page. */
export const withPage = (command: Command): Command =>
  command
    .option('-n, --limit <count>', 'how many', wholeNumber, 50)
    .option('--cursor <cursor>', 'go on after a page (next_cursor of --json)')
