import { SoftTimeLimitExceeded, TaskRevokedError } from '../../result/task-errors.ts'
import {
  dictOf,
  Replaced,
  RetryRequested,
  type TaskContext,
  type TaskRequest,
} from '../plain/task-context.ts'
import type { JobSignal } from './job-signal.ts'
import type { JobHost, KillReason } from './task-pool.ts'

/** What a handler is given, in whichever process it runs. */
export const jobContext = (request: TaskRequest, host: JobHost, source: JobSignal): TaskContext => ({
  request,
  get signal() {
    return source.signal
  },
  get logger() {
    return host.logger
  },
  retry: (options) => {
    throw new RetryRequested(options)
  },
  replace: (signature) => {
    throw new Replaced(dictOf(signature))
  },
  updateState: (state, meta = null) => host.updateState(state, meta),
  addToChord: (signature) => host.addToChord(dictOf(signature)),
  apply: (signature, options = {}) => host.apply(dictOf(signature), options),
})

/** The reason that a handler finds in its signal. */
export function abortReason(why: 'soft_time_limit' | KillReason): Error {
  switch (why) {
    case 'soft_time_limit':
      return new SoftTimeLimitExceeded()
    case 'terminated':
      return new TaskRevokedError(['terminated'])
    case 'time_limit':
    case 'handed_back':
      return new DOMException('the task was ended', 'AbortError')
  }
}
