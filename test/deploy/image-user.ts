import { spawnSync } from 'node:child_process'
import { chown, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The user that an image's service runs as. Only root may become another one: a test that root runs checks that the service
 * can do with what `USER` may; whoever else runs it is no more than that already.
 */
export class ImageUser {
  readonly #id: number
  readonly #isRoot = process.getuid?.() === 0
  readonly #mayReadAll: boolean

  /** `tools`: commands of this machine that stand in for those of the base image. */
  constructor(id: number, tools: readonly string[]) {
    this.#id = id
    this.#mayReadAll = this.#isRoot && !tools.every((tool) => this.#canStart(tool))
  }

  /** The words that run `command` as this user, without any privilege, as compose's `cap_drop: [ALL]` does. */
  command(command: readonly string[]): readonly [string, ...string[]] {
    const words = this.#isRoot ? [...this.#words(this.#mayReadAll), ...command] : command
    const [first = '', ...rest] = words
    return [first, ...rest]
  }

  /** Makes a directory and what is in it the user's own, as a volume is. */
  async own(directory: string): Promise<void> {
    if (!this.#isRoot) return
    const entries = await readdir(directory, { recursive: true })
    for (const path of [directory, ...entries.map((entry) => join(directory, entry))])
      await chown(path, this.#id, this.#id)
  }

  #canStart(tool: string): boolean {
    // By way of `env`: setpriv itself still has root's privileges when it starts its command.
    const [command, ...args] = this.#words(false)
    return spawnSync(command, [...args, 'env', tool, '--version']).status === 0
  }

  /**
   * An interpreter in root's home (pyenv's, say) is out of reach for others, unlike the one of the base image. To stand in for
   * that the service may then read all files; it still writes only what is its own.
   */
  #words(mayReadAll: boolean): readonly [string, ...string[]] {
    const privileges = mayReadAll
      ? [
          '--bounding-set=-all,+dac_read_search',
          '--inh-caps=-all,+dac_read_search',
          '--ambient-caps=+dac_read_search',
        ]
      : ['--bounding-set=-all', '--inh-caps=-all']
    const ids = [`--reuid=${this.#id}`, `--regid=${this.#id}`, '--clear-groups']
    return ['setpriv', ...ids, ...privileges, '--']
  }
}
