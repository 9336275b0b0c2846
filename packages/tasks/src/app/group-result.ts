import { completions, type WaitOptions } from '../result/completions.ts'
import { joinValues, taskIdsOf } from '../result/join-results.ts'
import { readyStates, type ResultTuple, type TaskMeta } from '../result/task-meta.ts'
import type { TaskValue } from '../message/task-value.ts'
import type { AnyResult, GetOptions, ResultAccess, RevokeOptions } from './any-result.ts'
import { valueOfMeta } from './value-of-meta.ts'

/** The results of a group, in the order of its members. Has no `then`, as `AsyncResult` has none. */
export class GroupResult<Value = unknown> implements AnyResult<Value> {
  readonly id: string
  readonly results: readonly AnyResult[]
  readonly parent: AnyResult | null
  readonly #access: ResultAccess

  constructor(
    id: string,
    results: readonly AnyResult[],
    access: ResultAccess,
    parent: AnyResult | null = null,
  ) {
    this.id = id
    this.results = results
    this.parent = parent
    this.#access = access
  }

  /** Ids of all tasks, those of nested groups among them. */
  get taskIds(): readonly string[] {
    return taskIdsOf(this.toJSON())
  }

  /**
   * Waits for all members and gives what they returned, in their order.
   * @throws TaskError of the first member that fails, at once; ResultTimeoutError; the reason of the signal
   */
  async get(options: GetOptions = {}): Promise<Value> {
    const values = new Map<string, unknown>()
    const backend = await this.#access.backend()
    for await (const meta of completions(backend, this.taskIds, options))
      values.set(meta.task_id, valueOfMeta(meta, options))
    return joinValues(this.toJSON(), (taskId) => values.get(taskId) as TaskValue) as Value
  }

  /** Each task as it ends: its id, and what it returned, or the error it failed with. */
  async *asCompleted(
    options: WaitOptions = {},
  ): AsyncGenerator<readonly [taskId: string, value: unknown], void> {
    const backend = await this.#access.backend()
    for await (const meta of completions(backend, this.taskIds, options))
      yield [meta.task_id, valueOfMeta(meta, { propagate: false })]
  }

  /** Tasks that have succeeded. */
  async completedCount(): Promise<number> {
    return (await this.#metas()).filter(({ status }) => status === 'SUCCESS').length
  }

  /** Whether all have ended. */
  async ready(): Promise<boolean> {
    return (
      (await this.#metas()).filter(({ status }) => readyStates.has(status)).length === this.taskIds.length
    )
  }

  async successful(): Promise<boolean> {
    return (await this.completedCount()) === this.taskIds.length
  }

  /** Whether any has failed. */
  async failed(): Promise<boolean> {
    return (await this.#metas()).some(({ status }) => status === 'FAILURE')
  }

  /** The members. */
  children(): Promise<readonly AnyResult[]> {
    return Promise.resolve(this.results)
  }

  revoke(options: RevokeOptions = {}): Promise<void> {
    return this.#access.revoke(this.taskIds, options)
  }

  async forget(): Promise<void> {
    const backend = await this.#access.backend()
    await backend.forget(this.taskIds)
    await this.parent?.forget()
  }

  /** Keeps the group for `app.restoreGroup`. @throws AppError CONFIG_RESULT_BACKEND */
  async save(): Promise<void> {
    await (await this.#access.backend()).saveGroup(this.id, this.toJSON())
  }

  /** Undoes `save`. */
  async delete(): Promise<void> {
    await (await this.#access.backend()).forgetGroup(this.id)
  }

  toJSON(): ResultTuple {
    return [[this.id, this.parent?.toJSON() ?? null], this.results.map((result) => result.toJSON())]
  }

  async #metas(): Promise<readonly TaskMeta[]> {
    const { taskIds } = this
    return [...(await (await this.#access.backend()).find(taskIds)).values()]
  }
}
