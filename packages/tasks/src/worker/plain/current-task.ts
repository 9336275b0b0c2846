import { AsyncLocalStorage } from 'node:async_hooks'
import type { TaskContext } from './task-context.ts'

const storage = new AsyncLocalStorage<TaskContext>()

/** The context of the handler that runs here; null outside of one. What is called then is its child. */
export const currentTaskContext = (): TaskContext | null => storage.getStore() ?? null

export const runAsCurrentTask = <Result>(context: TaskContext, run: () => Result): Result =>
  storage.run(context, run)
