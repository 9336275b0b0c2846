import { AppError } from '@celeriac/core'
import type { TaskRegistry } from '../worker/plain/registered-task.ts'
import type { TaskDeclaration } from './task-declaration.ts'

/** The tasks that a program has declared. */
export class DeclaredTasks implements TaskRegistry {
  readonly #tasks = new Map<string, TaskDeclaration>()

  /** @throws AppError CONFIG_INVALID for a name that is taken, empty, or Celery's own */
  add(task: TaskDeclaration): void {
    const { name } = task
    const fault = this.#tasks.has(name)
      ? 'a task of this name is declared already'
      : name === '' || name.length > 255
        ? 'the name of a task has 1 to 255 characters'
        : /^celery\.(?!ping$)/.test(name)
          ? 'names that begin with celery. are taken'
          : null
    if (fault !== null) throw new AppError('CONFIG_INVALID', fault, { details: { task: name } })
    this.#tasks.set(name, task)
  }

  find(name: string): TaskDeclaration | null {
    return this.#tasks.get(name) ?? null
  }

  names(): readonly string[] {
    return [...this.#tasks.keys()].toSorted()
  }
}
