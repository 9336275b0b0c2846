import { replacesState, type TaskMeta } from '../task-meta.ts'

/**
 * The newest states that have come over the reply queue, for those who ask later. Bounded: the states that were touched
 * least recently go first. Ends are replaced by the rule of `replacesState`.
 */
export class ArrivedMetas {
  readonly #maxMetas: number
  readonly #maxBytes: number
  readonly #metas = new Map<string, { readonly meta: TaskMeta; readonly bytes: number }>()
  #bytes = 0

  constructor(limits: { readonly maxMetas: number; readonly maxBytes: number }) {
    this.#maxMetas = limits.maxMetas
    this.#maxBytes = limits.maxBytes
  }

  /** False: an end is there already. */
  put(meta: TaskMeta, bytes: number): boolean {
    const known = this.#metas.get(meta.task_id)
    if (!replacesState(known?.meta.status, meta.status)) return false
    this.delete(meta.task_id)
    this.#metas.set(meta.task_id, { meta, bytes })
    this.#bytes += bytes
    for (const [taskId] of this.#metas) {
      if (this.#metas.size <= this.#maxMetas && this.#bytes <= this.#maxBytes) break
      this.delete(taskId)
    }
    return true
  }

  get(taskId: string): TaskMeta | null {
    const known = this.#metas.get(taskId)
    if (known === undefined) return null
    this.#metas.delete(taskId)
    this.#metas.set(taskId, known)
    return known.meta
  }

  delete(taskId: string): void {
    const known = this.#metas.get(taskId)
    if (known === undefined) return
    this.#metas.delete(taskId)
    this.#bytes -= known.bytes
  }

  clear(): void {
    this.#metas.clear()
    this.#bytes = 0
  }
}
