import {
  errorCodes,
  isErrorCode,
  maxWorkerLosses,
  type FinalOperatorTaskState,
  type OperatorTaskState,
} from '@celeriac/core'
import { reason, type Reason } from './explanation.ts'
import type { Subject, Told } from './facts.ts'
import { counted, isoOf, lasting, listed, ruleInWords } from './wording.ts'

const rerunHint = 'nothing by itself; a rerun (`celeriac rerun`) starts it again'

/** How a final operator task came to its end. */
export function explainEnd(subject: Subject, state: FinalOperatorTaskState): Told {
  switch (state) {
    case 'succeeded':
      return { reasons: [succeeded(subject)], next: null }
    case 'failed':
      return { reasons: failed(subject), next: rerunHint }
    case 'skipped':
      return { reasons: [skipped(subject)], next: null }
    case 'upstream_failed':
      return { reasons: [upstreamFailed(subject)], next: rerunHint }
    case 'cancelled':
      return { reasons: [cancelled(subject)], next: rerunHint }
  }
}

function succeeded({ task }: Subject): Reason {
  const { startedAt, finishedAt, attempt, worker } = task
  const took = startedAt === null || finishedAt === null ? '' : ` after ${lasting(finishedAt - startedAt)}`
  const where = worker === null ? '' : ` on ${worker}`
  return reason('succeeded', `attempt ${attempt} succeeded${took}${where}`, {
    attempt,
    worker,
    finished_at: finishedAt === null ? null : isoOf(finishedAt),
  })
}

function failed({ operator, task }: Subject): Reason[] {
  const { error, attempt, worker, retries, losses } = task
  const why = error === null ? 'without saying why' : `${error.code}, ${error.message}`
  const where = worker === null ? '' : ` on ${worker}`
  const reasons = [
    reason('failed', `attempt ${attempt} failed${where}: ${why}`, {
      attempt,
      worker,
      error_code: error?.code ?? null,
    }),
  ]
  const isLost =
    error?.code === 'TASK_WORKER_LOST' && (losses >= maxWorkerLosses || retries < operator.retry.max)
  if (isLost)
    reasons.push(
      reason(
        'worker_lost_before',
        'too many workers were lost with it: it is not tried again, since it may be what they die of',
        { losses },
      ),
    )
  else if (error !== null && isNeverRetried(error.code))
    reasons.push(
      reason('not_retryable', `a failure of this kind (${error.code}) is not tried again`, {
        error_code: error.code,
      }),
    )
  else if (retries >= operator.retry.max)
    reasons.push(
      reason(
        'no_retry_left',
        operator.retry.max === 0
          ? 'the document grants it no retries'
          : `all of its ${counted(operator.retry.max, 'retry', 'retries')} are used`,
        { retry: retries, max: operator.retry.max },
      ),
    )
  else reasons.push(reason('not_retryable', 'the operator said that trying again is of no use', {}))
  return reasons
}

/** An attempt that a worker revoked is tried again; codes of versions to come are not known here. */
const isNeverRetried = (code: string): boolean =>
  isErrorCode(code) && code !== 'TASK_CANCELLED' && !errorCodes[code].retryable

function skipped(subject: Subject): Reason {
  const { task, operator } = subject
  const own = task.result?.skipped
  if (own !== undefined)
    return reason(
      'skipped_itself',
      `the operator chose to be skipped: ${own === '' ? 'no reason given' : own}`,
      {
        reason: own,
      },
    )
  const names = upstreamIn(subject, ['skipped'])
  return reason(
    'upstream_skipped',
    `it was skipped, because ${nameOrNone(names)} ${names.length === 1 ? 'was' : 'were'}; it runs ${ruleInWords[operator.triggerRule]}`,
    { operators: names, trigger_rule: operator.triggerRule },
  )
}

function upstreamFailed(subject: Subject): Reason {
  const { operator } = subject
  const names = upstreamIn(subject, ['failed', 'upstream_failed', 'cancelled'])
  const roots = rootsOf(subject)
  const from = roots.every((root) => names.includes(root)) ? '' : `; it began with ${listed(roots)}`
  return reason(
    'upstream_failed',
    `it cannot run, because ${nameOrNone(names)} did not succeed${from}; it runs ${ruleInWords[operator.triggerRule]}`,
    { operators: names, roots, trigger_rule: operator.triggerRule },
  )
}

function cancelled({ task, facts }: Subject): Reason {
  const at = task.finishedAt
  const when = at === null ? '' : ` at ${isoOf(at)}`
  const what =
    task.attempt === 0 || task.startedAt === null
      ? 'before it had started'
      : `while attempt ${task.attempt} ran`
  return reason('cancelled_with_run', `the run was cancelled${when}, ${what}`, {
    at: at === null ? null : isoOf(at),
    run_state: facts.run.head.state,
    error_code: task.error?.code ?? null,
  })
}

/** A rerun of single operators may have changed what was upstream then. */
const nameOrNone = (names: readonly string[]): string =>
  names.length === 0 ? 'operators upstream, before a rerun,' : listed(names)

function upstreamIn({ operator, facts }: Subject, states: readonly OperatorTaskState[]): string[] {
  return idsIn(operator.upstream, facts.run, states)
}

function idsIn(
  ordinals: readonly number[],
  { plan, tasks }: Subject['facts']['run'],
  states: readonly OperatorTaskState[],
): string[] {
  return ordinals.flatMap((ordinal) => {
    const state = tasks[ordinal]?.state
    const id = plan.operators[ordinal]?.id
    return id !== undefined && state !== undefined && states.includes(state) ? [id] : []
  })
}

/** The operators that failed by themselves, or were cancelled, upstream of it: each looked at once. */
function rootsOf({ operator, facts }: Subject): string[] {
  const { plan, tasks } = facts.run
  const seen = new Set<number>()
  const pile = [...operator.upstream]
  const roots: number[] = []
  for (let ordinal = pile.pop(); ordinal !== undefined; ordinal = pile.pop()) {
    if (seen.has(ordinal)) continue
    seen.add(ordinal)
    const state = tasks[ordinal]?.state
    if (state === 'failed' || state === 'cancelled') roots.push(ordinal)
    else if (state === 'upstream_failed') pile.push(...(plan.operators[ordinal]?.upstream ?? []))
  }
  return idsIn(
    roots.toSorted((a, b) => a - b),
    facts.run,
    ['failed', 'cancelled'],
  )
}
