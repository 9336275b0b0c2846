import { once } from 'node:events'
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan'
export type Paint = (style: Style, text: string) => string

/** Where a command writes, and what its terminal can do. Results go to `out`, everything about them to `err`. */
export interface Io {
  out(line: string): void
  err(line: string): void
  /** Resolves when `out` may take more: at once, unless whoever reads it is slower. For commands of endless output. */
  drained(): Promise<void>
  /** Lines that are not shown while they are typed. Left out: from this process's terminal or standard input. */
  readSecrets?(prompts: readonly string[]): Promise<readonly string[]>
  readonly paint: Paint
  /** Standard output is a terminal: live screens are possible. */
  readonly isTty: boolean
  readonly columns: number
  readonly rows: number
}

/** The output of this process. Colours only on a terminal, and not when NO_COLOR is set (https://no-color.org). */
export function processIo(env: Readonly<Record<string, string | undefined>>): Io {
  const { stdout, stderr } = process
  const isTty = stdout.isTTY && env['TERM'] !== 'dumb'
  const hasColor = isTty && (env['NO_COLOR'] ?? '') === ''
  // `celeriac runs | head` closes the pipe early; that is no fault.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    drained: async () => {
      if (stdout.writableNeedDrain) await once(stdout, 'drain')
    },
    paint: (style, text) => (hasColor ? styleText(style, text) : text),
    isTty,
    get columns() {
      return isTty ? stdout.columns : 120
    },
    get rows() {
      return isTty ? stdout.rows : 40
    },
  }
}
