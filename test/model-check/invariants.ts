import {
  canTaskMove,
  isFinalRunState,
  isFinalTaskState,
  isInFlightTaskState,
  type OperatorTask,
} from '@celeriac/core'
import type { EventMessage, Rows, State } from './state.ts'

/** What is wrong with the step from `before` to `after`; null when all is well. */
export const brokenBy = (before: State, after: State): string | null =>
  (before.row === after.row ? null : wrongWrite(before.row, after.row)) ??
  unguarded(after) ??
  replacedForNothing(after)

/** What the database may be made to hold: states move by the table, attempts grow, an outcome is accepted once. */
function wrongWrite(before: Rows, after: Rows): string | null {
  if (isFinalRunState(before.head.state) && after.head.state !== before.head.state)
    return `the run was ${before.head.state} and is ${after.head.state}`
  for (const [ordinal, task] of after.tasks.entries()) {
    const old = before.tasks[ordinal]
    if (old === undefined || old === task) continue
    if (task.attempt < old.attempt)
      return `operator ${ordinal} went back from attempt ${old.attempt} to ${task.attempt}`
    if (isFinalTaskState(old.state) && task.state !== old.state)
      return `operator ${ordinal} had ended as ${old.state} and is ${task.state}`
    if (old.state !== task.state && !canTaskMove(old.state, task.state))
      return `operator ${ordinal} moved from ${old.state} to ${task.state}`
    // The worker has acked: what says that only its lease guards the attempt must not be forgotten while it lasts.
    if (old.attempt === task.attempt && old.isLeased && !task.isLeased && isInFlightTaskState(task.state))
      return `attempt ${task.attempt} of operator ${ordinal} is leased no more`
    // Once an attempt is over, it stays over.
    if (old.attempt === task.attempt && !isInFlightTaskState(old.state) && isInFlightTaskState(task.state))
      return `attempt ${task.attempt} of operator ${ordinal} came back to life`
  }
  return isFinalRunState(after.head.state) && after.tasks.some(({ state }) => !isFinalTaskState(state))
    ? 'the run has ended before its operators'
    : null
}

/** Every attempt in flight is guarded: something is there that will move it on. */
function unguarded(state: State): string | null {
  const open = state.row.tasks.find((task) => isInFlightTaskState(task.state) && !isGuarded(state, task))
  return open === undefined ? null : `nothing guards attempt ${open.attemptId ?? ''}, which is ${open.state}`
}

function isGuarded({ tasks, workers, events, schedulers }: State, task: OperatorTask): boolean {
  const id = task.attemptId ?? ''
  // The row itself: the outbox.
  if (task.state === 'ready') return true
  // A lease: its owner looks after it from the load or the hand-over on.
  if (task.state === 'running' && task.isLeased) return true
  if (tasks.includes(id)) return true
  if (workers.some(({ execution }) => execution?.id === id && execution.deliveries > 0)) return true
  if (events.some((message) => guards(message, id))) return true
  return schedulers.some(
    ({ batch }) => batch !== null && batch.isOurs && batch.delivery !== null && guards(batch.delivery, id),
  )
}

/** An event on its way that will end the attempt, or cover it by a lease. */
function guards(message: EventMessage, id: string): boolean {
  switch (message.kind) {
    case 'created':
    case 'cancel':
    case 'mark':
      return false
    case 'started':
      return message.id === id && message.isLeased
    case 'returned':
      return false
    case 'succeeded':
    case 'failed':
    case 'revoked':
      return message.id === id
  }
}

/** Whatever happens to the schedulers: an attempt whose worker is well is neither lost nor done a second time. */
function replacedForNothing({ row, isWorkerAtFault }: State): string | null {
  if (isWorkerAtFault) return null
  const lost = row.tasks.find(({ losses }) => losses > 0)
  return lost === undefined ? null : `attempt ${lost.attempt} replaces one whose worker is well`
}

/** What every history comes to. */
export const isDone = ({ row }: State): boolean => isFinalRunState(row.head.state)
