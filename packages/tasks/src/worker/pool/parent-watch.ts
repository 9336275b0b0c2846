import process from 'node:process'
import { Worker } from 'node:worker_threads'

/**
 * Ends this process when its parent is gone. An idle child hears so by its channel; one that only computes hears nothing,
 * and would go on for nobody. Hence a thread: the handler may keep the main one busy for ever.
 */
export function endWithParent(): void {
  const watch = `setInterval(() => {
    if (process.ppid !== ${process.ppid}) process.kill(process.pid, 'SIGKILL')
  }, 1_000)`
  new Worker(watch, { eval: true, execArgv: [], env: {}, name: 'parent-watch' }).unref()
}
