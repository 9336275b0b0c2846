import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { randomBytes } from 'node:crypto'
import { cliPath, root } from './processes.ts'

const tmux = promisify(execFile)

/** A terminal of 80 × 24 with a shell command in it: tmux, with a server of its own. */
export class Terminal {
  readonly #socket = `celeriac-${randomBytes(4).toString('hex')}`

  private constructor() {}

  /** Runs `celeriac <args>`; the shell stays open when it has ended (by Ctrl-C too), and says how. */
  static async open(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    size: { readonly columns: number; readonly rows: number } = { columns: 80, rows: 24 },
  ): Promise<Terminal> {
    const terminal = new Terminal()
    const words = [process.execPath, cliPath, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    await terminal.#run(
      ['new-session', '-d', '-x', String(size.columns), '-y', String(size.rows), '-c', root]
        .concat(Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]))
        .concat(`trap : INT; ${words.join(' ')}; echo "exit code $?"; exec cat`),
    )
    return terminal
  }

  /** What it shows now, line by line, without blanks at the ends. */
  async lines(): Promise<string[]> {
    return (await this.#run(['capture-pane', '-p'])).split('\n').map((line) => line.trimEnd())
  }

  /** What it shows now, with colours as escape sequences. */
  painted(): Promise<string> {
    return this.#run(['capture-pane', '-p', '-e'])
  }

  /** A key by its name in tmux: `C-c`, `Enter` … */
  async press(key: string): Promise<void> {
    await this.#run(['send-keys', key])
  }

  async close(): Promise<void> {
    await this.#run(['kill-server']).catch(() => undefined)
  }

  async #run(args: readonly string[]): Promise<string> {
    // UTF-8 whatever the locale of the machine is; no configuration of a user.
    const { stdout } = await tmux('tmux', ['-u', '-f', '/dev/null', '-L', this.#socket, ...args])
    return stdout
  }
}
