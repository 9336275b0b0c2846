/** The changes of runs and operator tasks as watchers are told of them: small, and each complete in itself. */
import type { OperatorTask, RunHead } from '@celeriac/core'
import type { OperatorChangeView, RunChangeView } from '@celeriac/contracts'
import { isoOrNull } from '../http/views/instant.ts'

/** Longer texts are cut: the whole is in the run itself. */
const longestText = 2_000

export const runChangeOf = (head: RunHead): RunChangeView => ({
  id: head.id,
  state: head.state,
  version: head.version,
  started_at: isoOrNull(head.startedAt),
  finished_at: isoOrNull(head.finishedAt),
})

export const operatorChangeOf = (id: string, task: OperatorTask): OperatorChangeView => ({
  id,
  state: task.state,
  attempt: task.attempt,
  worker: task.worker,
  ready_at: isoOrNull(task.readyAt),
  started_at: isoOrNull(task.startedAt),
  finished_at: isoOrNull(task.finishedAt),
  retry_at: isoOrNull(task.retryAt),
  error:
    task.error === null
      ? null
      : {
          code: task.error.code,
          message: cut(task.error.message),
          exc_type: task.error.excType ?? null,
        },
  progress: task.progress === null ? null : { ...task.progress, message: cut(task.progress.message) },
  metrics: { ...task.result?.metrics },
  skipped: task.result?.skipped ?? null,
})

const cut = (text: string): string => (text.length > longestText ? `${text.slice(0, longestText)}…` : text)
