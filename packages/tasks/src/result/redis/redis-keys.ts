/** Celery's names of keys. The channel on which a task's states are published is named like its key. */
export class RedisKeys {
  readonly #prefix: string

  /** @param prefix Celery's `global_keyprefix`: it gets an underscore unless it ends with one of `:_-.` */
  constructor(prefix = '') {
    this.#prefix = prefix === '' || /[:_\-.]$/.test(prefix) ? prefix : `${prefix}_`
  }

  task(taskId: string): string {
    return `${this.#prefix}celery-task-meta-${taskId}`
  }

  group(groupId: string): string {
    return `${this.#prefix}celery-taskset-meta-${groupId}`
  }

  /** The keys of a chord, as the scripts want them. */
  chord(groupId: string): readonly string[] {
    const group = this.group(groupId)
    return ['.j', '.s', '.t', '.d', '.c', ''].map((suffix) => group + suffix)
  }
}
