import { deadlineGraceMs, wakeOfTask } from '@celeriac/core'
import { reason, type Reason } from './explanation.ts'
import type { Subject, Told } from './facts.ts'
import { isoOf, lasting } from './wording.ts'

/** A worker that has been silent for longer than its lease is being replaced, or its delivery handed on. */
export function explainRunning(subject: Subject): Told {
  const { task, facts } = subject
  const { now } = facts
  const worker = task.worker ?? 'a worker that does not say its name'
  const since = task.startedAt === null ? '' : ` for ${lasting(now - task.startedAt)}`
  const reasons: Reason[] = [
    reason('running', `it runs on ${worker}${since}, attempt ${task.attempt}`, {
      worker: task.worker,
      attempt: task.attempt,
      started_at: task.startedAt === null ? null : isoOf(task.startedAt),
    }),
  ]
  const guard = guardOf(subject)
  // That nobody runs it any more is what somebody who asks wants to know first.
  if (guard.code === 'worker_silent') reasons.unshift(guard)
  else reasons.push(guard)
  if (task.progress !== null) {
    const { current, total, message } = task.progress
    const said = message === '' ? '' : `: ${message}`
    reasons.push(reason('progress', `it is at ${current} of ${total}${said}`, { current, total, message }))
  }
  const deadline = wakeOfTask(facts.run, task)
  if (deadline !== null) {
    const at = deadline.at - deadlineGraceMs
    reasons.push(
      reason('time_limit', `it is stopped at its time limit, ${timeFrom(now, at)}`, { at: isoOf(at) }),
    )
  }
  const next = guard.code === 'worker_silent' ? 'another worker gets it, within seconds' : 'it ends'
  return { reasons, next }
}

const timeFrom = (now: number, at: number): string =>
  at <= now ? `which has passed ${lasting(now - at)} ago` : `in ${lasting(at - now)}`

/** What brings the attempt to another worker when this one is lost. */
function guardOf({ task, facts }: Subject): Reason {
  const { now } = facts
  const lease = task.attemptId === null ? null : facts.leaseOf(task.attemptId)
  const seenAt = task.worker === null ? null : facts.workerSeenAt(task.worker)
  if (lease !== null) {
    const left = lease.expiresAt - now
    const details = {
      worker: lease.worker,
      renewed_at: isoOf(lease.renewedAt),
      expires_at: isoOf(lease.expiresAt),
      is_only_guard: task.isLeased,
    }
    if (left > 0)
      return reason(
        'lease',
        `${lease.worker} renewed its lease of the attempt ${lasting(now - lease.renewedAt)} ago; it expires in ${lasting(left)} unless it is renewed`,
        details,
      )
    return reason(
      'worker_silent',
      `the lease of ${lease.worker} ran out ${lasting(-left)} ago: the attempt is being handed on`,
      details,
    )
  }
  if (!task.isLeased)
    return reason(
      'delivery',
      'its message is not acknowledged: should the worker go, the broker hands it to another one',
      { worker: task.worker, worker_seen_at: seenAt === null ? null : isoOf(seenAt) },
    )
  const silence = seenAt === null ? 'has not been heard of' : `was last heard of ${lasting(now - seenAt)} ago`
  return reason(
    'worker_silent',
    facts.canHear
      ? `${task.worker ?? 'its worker'} ${silence} and renews no lease: the attempt is being handed on`
      : 'heartbeats do not reach this scheduler at the moment, so it cannot say whether the worker is alive',
    { worker: task.worker, worker_seen_at: seenAt === null ? null : isoOf(seenAt) },
  )
}
