import { operatorTaskName } from '@celeriac/contracts'
import type { Instant, JsonObject, OperatorAttempt } from '@celeriac/core'

/** An attempt that a worker has reserved, or runs. */
export interface KnownAttempt {
  readonly attempt: OperatorAttempt
  readonly startedAt: Instant | null
  /** Its delivery is acked already: it is handed over. */
  readonly isLeased: boolean
}

/** An operator attempt as Celery's `inspect` shows a task. */
export const operatorRequest = (
  { attempt, startedAt, isLeased }: KnownAttempt,
  queue: string,
  nodeName: string,
): JsonObject => ({
  id: attempt.attemptId,
  name: operatorTaskName,
  args: [],
  kwargs: { run_id: attempt.runId, operator_id: attempt.operatorId, attempt: attempt.attempt },
  type: operatorTaskName,
  hostname: nodeName,
  time_start: startedAt === null ? null : startedAt / 1_000,
  acknowledged: isLeased,
  delivery_info: { exchange: '', routing_key: queue, priority: 0, redelivered: false },
  worker_pid: process.pid,
})
