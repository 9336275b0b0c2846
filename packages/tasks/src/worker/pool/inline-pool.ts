import { runHandler } from '../plain/handler-outcome.ts'
import { abortReason, jobContext } from './job-context.ts'
import { JobSignal } from './job-signal.ts'
import type { Job, JobEnd, KillReason, RunningJob, TaskPool } from './task-pool.ts'

/**
 * Runs handlers in the event loop of the worker: the cheapest way, for handlers that wait more than they compute. One
 * that blocks the loop blocks the worker. A kill aborts the signal and stops waiting; the handler itself cannot be
 * stopped, and what it still does has no effect on its task.
 */
export class InlinePool implements TaskPool {
  readonly isolation = 'inline'
  readonly children: readonly number[] = []
  readonly #kills = new Set<(reason: KillReason) => void>()

  resize(): Promise<void> {
    return Promise.resolve()
  }

  stop(): Promise<void> {
    for (const kill of this.#kills) kill('handed_back')
    return Promise.resolve()
  }

  run({ task, request, host, onStarted }: Job): RunningJob {
    const aborter = new JobSignal()
    onStarted(process.pid)
    const outcome = runHandler(task, jobContext(request, host, aborter))
    const abort = (reason: 'soft_time_limit' | KillReason): void => aborter.abort(abortReason(reason))
    if (!(outcome instanceof Promise)) return { pid: process.pid, end: outcome, abort, kill: abort }
    let kill: RunningJob['kill'] = abort
    const end = new Promise<JobEnd>((resolve) => {
      kill = (reason) => {
        this.#kills.delete(kill)
        resolve({ kind: 'killed', reason })
        abort(reason)
      }
      this.#kills.add(kill)
      void outcome.then((ended) => {
        this.#kills.delete(kill)
        resolve(ended)
      })
    })
    return { pid: process.pid, end, abort, kill }
  }
}
