import { isFinalTaskState, type FinalOperatorTaskState, type OperatorTaskState } from '@celeriac/core'
import { explainEnd } from './explain-end.ts'
import { nextOf, runReasons } from './explain-run.ts'
import { explainRunning } from './explain-running.ts'
import { reason, type Reason, type TaskExplanation } from './explanation.ts'
import type { Facts, Subject, Told } from './facts.ts'
import { counted, isoOf, lasting, listed, ruleInWords } from './wording.ts'

/** Why an operator task is where it is. Pure. Throws RangeError when the run has no such operator. */
export function explainTask(facts: Facts, ordinal: number): TaskExplanation {
  const operator = facts.run.plan.operators[ordinal]
  const task = facts.run.tasks[ordinal]
  if (operator === undefined || task === undefined) throw new RangeError(`no operator ${ordinal} in the run`)
  const { reasons, next } = tell({ operator, task, facts })
  const [first] = reasons
  if (first === undefined) throw new Error('an explanation without a reason')
  return {
    operatorId: operator.id,
    state: task.state,
    attempt: task.attempt,
    summary: first.message,
    reasons,
    next,
  }
}

function tell(subject: Subject): Told {
  const { task, facts } = subject
  const { state } = task
  if (isFinalTaskState(state)) return explainEnd(subject, state)
  const own = byState[state](subject)
  const ofRun = runReasons(facts)
  // What has not been let through, or taken up, waits for that first, whatever its upstream.
  const [first] = ofRun
  if (state === 'pending' && facts.run.head.state === 'queued' && first !== undefined)
    return { reasons: [...ofRun, ...own.reasons], next: nextOf(first) }
  return { reasons: [...own.reasons, ...history(subject), ...ofRun], next: own.next }
}

function explainPending({ operator, facts }: Subject): Told {
  const { plan, tasks } = facts.run
  const waitsFor = operator.upstream.flatMap((ordinal): { id: string; state: OperatorTaskState }[] => {
    const upstream = plan.operators[ordinal]
    const state = tasks[ordinal]?.state
    return upstream === undefined || state === undefined || isFinalTaskState(state)
      ? []
      : [{ id: upstream.id, state }]
  })
  const rule = operator.triggerRule
  const names = waitsFor.map(({ id, state }) => `${id} (${state})`)
  if (waitsFor.length === 0)
    return {
      reasons: [
        reason(
          'trigger_decided',
          operator.upstream.length === 0
            ? 'it waits for no other operator, only for its run to be taken up'
            : 'all upstream operators have ended; the engine decides about it in a moment',
          { trigger_rule: rule },
        ),
      ],
      next: 'nothing has to be done',
    }
  return {
    reasons: [
      reason('waits_for_upstream', `it waits for ${listed(names)}; it runs ${ruleInWords[rule]}`, {
        trigger_rule: rule,
        operators: waitsFor,
      }),
    ],
    next: `${listed(waitsFor.map(({ id }) => id))} ${waitsFor.length === 1 ? 'ends' : 'end'}`,
  }
}

function explainReady({ operator, task, facts }: Subject): Told {
  const { broker, now } = facts
  const queue = facts.queueOf(operator)
  const since = task.readyAt === null ? null : isoOf(task.readyAt)
  const waited = task.readyAt === null ? '' : ` for ${lasting(now - task.readyAt)}`
  const details = { queue, ready_since: since }
  const waits = reason(
    'message_not_confirmed',
    `it is ready${waited}; the broker has not confirmed its message to ${queue} yet`,
    details,
  )
  if (broker === 'open') return { reasons: [waits], next: 'the broker confirms the message' }
  const fault =
    broker === 'blocked'
      ? reason('broker_blocked', 'the broker takes no messages: it is short of memory or disk', { broker })
      : reason('broker_unreachable', 'there is no connection to the broker', { broker })
  return {
    reasons: [fault, waits],
    next: 'the broker takes messages again; then the message is sent by itself',
  }
}

function explainQueued({ operator, task, facts }: Subject): Told {
  const queue = facts.queueOf(operator)
  const { executor } = operator
  const depth = facts.depthOf(queue)
  const live = facts.consumersOf(queue)
  const since = task.readyAt === null ? null : isoOf(task.readyAt)
  const waited = task.readyAt === null ? '' : `, for ${lasting(facts.now - task.readyAt)}`
  const details = { queue, executor, ready_since: since }
  if (depth === null)
    return {
      reasons: [
        reason(
          'queue_unknown',
          `it waits in ${queue}${waited}; the broker cannot say more about the queue now`,
          {
            ...details,
            broker: facts.broker,
          },
        ),
      ],
      next: 'a worker takes it from the queue',
    }
  const { messages, consumers } = depth
  const numbers = { ...details, messages, consumers, workers: [...live] }
  if (consumers === 0)
    return {
      reasons: [
        reason(
          'no_consumer',
          `no worker consumes ${queue}, the queue of the executor ${executor}; ${counted(messages, 'message')} lie there, and it has waited${waited.replace(',', '')}`,
          numbers,
        ),
      ],
      next: `a worker of the executor ${executor} is started`,
    }
  const by = `${counted(consumers, 'consumer')}${live.length === 0 ? '' : ` (${listed(live)})`}`
  if (messages === 0)
    return {
      reasons: [
        reason(
          'handed_to_worker',
          `its message has left ${queue}${waited}: a worker has it and has not reported its start; ${by}`,
          numbers,
        ),
      ],
      next: 'a process of the worker is free; or the worker goes, and the broker hands the message on',
    }
  return {
    reasons: [
      reason(
        'in_queue',
        `it waits in ${queue}${waited}: ${counted(messages, 'message')} lie there, how many of them before it the broker does not say; ${by}`,
        numbers,
      ),
    ],
    next: 'the workers get to it; more workers get there sooner',
  }
}

function explainRetryWait({ operator, task, facts }: Subject): Told {
  const { retries, retryAt, error, attempt } = task
  const due = retryAt ?? facts.now
  const inTime = due <= facts.now ? 'is due now' : `is due at ${isoOf(due)}, in ${lasting(due - facts.now)}`
  const why = error === null ? '' : `, because attempt ${attempt} failed: ${error.code}, ${error.message}`
  return {
    reasons: [
      reason('retry_wait', `retry ${retries} of ${operator.retry.max} ${inTime}${why}`, {
        retry: retries,
        max: operator.retry.max,
        retry_at: isoOf(due),
        failed_attempt: attempt,
        error_code: error?.code ?? null,
      }),
    ],
    next: 'its time comes',
  }
}

/** What earlier attempts came to; most useful while the current one waits or runs. */
function history({ operator, task, facts }: Subject): readonly Reason[] {
  const reasons: Reason[] = []
  if (task.losses > 0)
    reasons.push(
      reason(
        'worker_lost_before',
        `${counted(task.losses, 'attempt')} before this one ${task.losses === 1 ? 'was' : 'were'} lost with the worker; that costs no retry`,
        { losses: task.losses },
      ),
    )
  if (task.retries === 0 || task.state === 'retry_wait') return reasons
  const last = facts.attempts.findLast(
    ({ ordinal, outcome }) => ordinal === task.ordinal && outcome === 'failed',
  )
  const why = last?.error === null || last === undefined ? '' : ` (${last.error.code}, ${last.error.message})`
  reasons.push(
    reason(
      'retried',
      `this is retry ${task.retries} of ${operator.retry.max}: attempt ${last?.attempt ?? task.attempt - 1} failed${why}`,
      {
        retry: task.retries,
        max: operator.retry.max,
        error_code: last?.error?.code ?? null,
      },
    ),
  )
  return reasons
}

const byState: Readonly<
  Record<Exclude<OperatorTaskState, FinalOperatorTaskState>, (subject: Subject) => Told>
> = {
  pending: explainPending,
  ready: explainReady,
  queued: explainQueued,
  running: explainRunning,
  retry_wait: explainRetryWait,
}
