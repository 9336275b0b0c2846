import type { TaskValue } from '../message/task-value.ts'
import { completions } from '../result/completions.ts'
import type { TaskError } from '../result/task-errors.ts'
import { readyStates, type ResultTuple, type TaskMeta } from '../result/task-meta.ts'
import type { AnyResult, GetOptions, ResultAccess, RevokeOptions } from './any-result.ts'
import { valueOfMeta } from './value-of-meta.ts'

/**
 * The result of one task. It cannot be awaited itself, because it has no `then`: `await task.delay(1)` gives it as soon as
 * the call is sent, and `await (await task.delay(1)).get()` what the task returned.
 */
export class AsyncResult<Value = unknown> implements AnyResult<Value> {
  readonly id: string
  /** The step before in a chain; null: none. */
  readonly parent: AnyResult | null
  readonly #access: ResultAccess

  constructor(id: string, access: ResultAccess, parent: AnyResult | null = null) {
    this.id = id
    this.parent = parent
    this.#access = access
  }

  /**
   * Waits for the end of the task and gives what it returned.
   * @throws TaskError what the task failed with; ResultTimeoutError; the reason of the signal
   */
  async get(options: GetOptions = {}): Promise<Value> {
    const backend = await this.#access.backend()
    for await (const meta of completions(backend, [this.id], options))
      return valueOfMeta(meta, options) as Value
    throw new Error('a watch ended without a result')
  }

  /** What the backend knows; null: nothing, so the id is unknown, or the task has not told anything yet. */
  async meta(): Promise<TaskMeta | null> {
    const backend = await this.#access.backend()
    return (await backend.find([this.id])).get(this.id) ?? null
  }

  /** The state; PENDING also for an id that nobody knows (see {@link meta}). */
  async status(): Promise<string> {
    return (await this.meta())?.status ?? 'PENDING'
  }

  async ready(): Promise<boolean> {
    return readyStates.has(await this.status())
  }

  async successful(): Promise<boolean> {
    return (await this.status()) === 'SUCCESS'
  }

  async failed(): Promise<boolean> {
    return (await this.status()) === 'FAILURE'
  }

  /** What the task returned, the error it failed with, or what it told about its state; null when nothing is known. */
  async result(): Promise<Value | TaskError | TaskValue> {
    const meta = await this.meta()
    return meta === null ? null : (valueOfMeta(meta, { propagate: false }) as Value | TaskError)
  }

  async traceback(): Promise<string | null> {
    return (await this.meta())?.traceback ?? null
  }

  /** Results of what the task called; empty until it has ended. */
  async children(): Promise<readonly AnyResult[]> {
    const meta = await this.meta()
    return (meta?.children ?? []).map((child) => this.#access.resultOf(child))
  }

  /** Workers do not start the task any more; with `terminate`, the one that runs it ends it. */
  revoke(options: RevokeOptions = {}): Promise<void> {
    return this.#access.revoke([this.id], options)
  }

  /** Deletes the result, and those of the steps before. */
  async forget(): Promise<void> {
    const backend = await this.#access.backend()
    await backend.forget([this.id])
    await this.parent?.forget()
  }

  /** This result and those of all that the task has called, breadth first, each with its value; waits for every one. */
  async *collect(options: GetOptions = {}): AsyncGenerator<readonly [AnyResult, unknown], void> {
    const waiting: AnyResult[] = [this]
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      yield [next, await next.get(options)]
      waiting.push(...(await next.children()))
    }
  }

  /** As Celery writes it; `app.resultFrom` reads it. */
  toJSON(): ResultTuple {
    return [[this.id, this.parent?.toJSON() ?? null], null]
  }
}
