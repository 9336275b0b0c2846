import { messageOf } from '@celeriac/core'
import { decodeMeta } from '@celeriac/tasks'
import { Redis } from 'ioredis'
import type { FinalState } from './fate.ts'

const codes: Readonly<Record<string, number>> = { SUCCESS: 1, FAILURE: 2, REVOKED: 3 } satisfies Record<
  FinalState,
  number
>

/**
 * Every final state that is stored while the soak runs, as redis tells it to whoever listens: a byte for each task, so
 * that the listener's memory says something about the client beside it.
 */
export class ToldEnds {
  readonly #client: Redis
  readonly #indexOf: (taskId: string) => number
  readonly #states: Uint8Array
  #ended = 0
  #repeats = 0
  readonly faults: string[] = []
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  private constructor(client: Redis, tasks: number, indexOf: (taskId: string) => number) {
    this.#client = client
    this.#indexOf = indexOf
    this.#states = new Uint8Array(tasks)
  }

  static async listen(options: {
    readonly redisUrl: string
    readonly keyPrefix: string
    readonly tasks: number
    readonly indexOf: (taskId: string) => number
  }): Promise<ToldEnds> {
    const client = new Redis(options.redisUrl)
    const ends = new ToldEnds(client, options.tasks, options.indexOf)
    client.on('pmessage', (_pattern: string, _channel: string, text: string) => ends.#onMeta(text))
    await client.psubscribe(`${options.keyPrefix}celery-task-meta-*`)
    return ends
  }

  /** Tasks that have ended. */
  get ended(): number {
    return this.#ended
  }

  /** Ends that were told once more, as they were. */
  get repeats(): number {
    return this.#repeats
  }

  /** Resolves when so many tasks have ended. */
  until(count: number): Promise<void> {
    if (this.#ended >= count) return Promise.resolve()
    return new Promise((resolve) => void this.#waiting.push({ count, resolve }))
  }

  close(): void {
    this.#client.disconnect()
  }

  #onMeta(text: string): void {
    try {
      const { task_id: taskId, status } = decodeMeta(text)
      const code = codes[status]
      if (code !== undefined) this.#onEnd(taskId, status, code)
    } catch (error) {
      this.faults.push(`a result that cannot be read: ${messageOf(error)}`)
    }
  }

  #onEnd(taskId: string, status: string, code: number): void {
    const index = this.#indexOf(taskId)
    const known = this.#states[index]
    if (known === undefined) this.faults.push(`${taskId} is no task of this soak`)
    else if (known === code) this.#repeats++
    else if (known !== 0) this.faults.push(`${taskId} has ended before and ends again with ${status}`)
    else {
      this.#states[index] = code
      this.#ended++
      this.#wake()
    }
  }

  #wake(): void {
    const due = this.#waiting.filter(({ count }) => count <= this.#ended)
    if (due.length === 0) return
    this.#waiting = this.#waiting.filter(({ count }) => count > this.#ended)
    for (const { resolve } of due) resolve()
  }
}
