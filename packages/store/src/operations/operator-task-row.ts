import type {
  Instant,
  OperatorTask,
  OperatorTaskState,
  TaskFailure,
  TaskProgress,
  TaskResult,
} from '@celeriac/core'

/** An operator task as one JSON array, in a hand-written statement; the table must be called `t`. */
export const taskArray = `
  json_build_array(
    t.ordinal, t.state, t.attempt, t.attempt_id, t.retries,
    round(date_part('epoch', t.ready_at) * 1000),
    round(date_part('epoch', t.started_at) * 1000),
    round(date_part('epoch', t.finished_at) * 1000),
    round(date_part('epoch', t.retry_at) * 1000),
    t.worker, t.error, t.result, t.progress, t.losses, t.is_leased
  )`

export type TaskRow = readonly [
  ordinal: number,
  state: OperatorTaskState,
  attempt: number,
  attemptId: string | null,
  retries: number,
  readyAt: Instant | null,
  startedAt: Instant | null,
  finishedAt: Instant | null,
  retryAt: Instant | null,
  worker: string | null,
  error: TaskFailure | null,
  result: TaskResult | null,
  progress: TaskProgress | null,
  losses: number,
  isLeased: boolean,
]

export const toTask = (row: TaskRow): OperatorTask => ({
  ordinal: row[0],
  state: row[1],
  attempt: row[2],
  attemptId: row[3],
  retries: row[4],
  readyAt: row[5],
  startedAt: row[6],
  finishedAt: row[7],
  retryAt: row[8],
  worker: row[9],
  error: row[10],
  result: row[11],
  progress: row[12],
  losses: row[13],
  isLeased: row[14],
})
