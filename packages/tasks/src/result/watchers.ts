import { readyStates, type TaskMeta } from './task-meta.ts'

export type OnMeta = (meta: TaskMeta) => void

/**
 * Who waits for which task, for backends to tell. A final state is told once to each watch and ends it: tasks are told
 * more than once by design (a message and the look-up after it, a repeated delivery), and in no fixed order.
 */
export class Watchers {
  readonly #byTask = new Map<string, Set<OnMeta>>()
  readonly #onUnwatched: (taskId: string) => void

  /** @param onUnwatched called when the last watch of a task has ended */
  constructor(onUnwatched: (taskId: string) => void = () => undefined) {
    this.#onUnwatched = onUnwatched
  }

  /** Gives the removal of all the watches that it adds; those that have ended stay ended. */
  add(taskIds: readonly string[], listener: OnMeta): () => void {
    // A function of its own, so that the same listener can be added twice.
    const onMeta: OnMeta = (meta) => listener(meta)
    for (const taskId of taskIds) {
      const watches = this.#byTask.get(taskId)
      if (watches === undefined) this.#byTask.set(taskId, new Set([onMeta]))
      else watches.add(onMeta)
    }
    return () => {
      for (const taskId of taskIds) {
        const watches = this.#byTask.get(taskId)
        if (watches?.delete(onMeta) === true && watches.size === 0) this.#end(taskId)
      }
    }
  }

  tell(meta: TaskMeta): void {
    const watches = this.#byTask.get(meta.task_id)
    if (watches === undefined) return
    if (readyStates.has(meta.status)) this.#end(meta.task_id)
    for (const onMeta of watches) onMeta(meta)
  }

  isWatched(taskId: string): boolean {
    return this.#byTask.has(taskId)
  }

  get taskIds(): readonly string[] {
    return [...this.#byTask.keys()]
  }

  clear(): void {
    for (const taskId of this.taskIds) this.#end(taskId)
  }

  #end(taskId: string): void {
    this.#byTask.delete(taskId)
    this.#onUnwatched(taskId)
  }
}
