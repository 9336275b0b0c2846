import { isFinalRunState } from '@celeriac/core'
import { reason, type Reason, type ReasonCode, type RunExplanation } from './explanation.ts'
import type { Facts } from './facts.ts'
import { counted, isoOf, lasting } from './wording.ts'

/** An engine takes up what it is told of at once, and finds the rest by a scan every second. */
const promptMs = 2_000

/** Why the run as a whole is where it is. Pure. */
export function explainRun(facts: Facts): RunExplanation {
  const { head, tasks } = facts.run
  const reasons = runReasons(facts)
  const [first] = reasons
  if (first !== undefined) return { state: head.state, summary: first.message, reasons, next: nextOf(first) }
  if (isFinalRunState(head.state)) {
    const took = (head.finishedAt ?? head.createdAt) - (head.startedAt ?? head.createdAt)
    return {
      state: head.state,
      summary: `the run has ${head.state} after ${lasting(took)}`,
      reasons,
      next: null,
    }
  }
  const open = tasks.filter(({ finishedAt }) => finishedAt === null).length
  const summary = `the run is under way: ${open} of ${counted(tasks.length, 'operator')} have not ended`
  return { state: head.state, summary, reasons, next: null }
}

/** What holds up every operator of the run, most important first. */
export function runReasons(facts: Facts): readonly Reason[] {
  const { head } = facts.run
  if (isFinalRunState(head.state)) return []
  const admission = head.state === 'queued' ? admissionReason(facts) : null
  const owner = ownerReasons(facts)
  if (admission !== null) return [admission, ...owner]
  if (head.state === 'queued') return [...owner, notTakenUp(facts)]
  return [...owner, ...(head.state === 'cancelling' ? [cancelling(facts)] : [])]
}

function admissionReason({ run, admission, maxActiveRuns }: Facts): Reason | null {
  if (run.isAdmitted || admission === null || admission.isAdmitted) return null
  const { maxActiveRunsOfDag: dagLimit, activeOfDag, active, aheadOfDag } = admission
  const ahead =
    aheadOfDag === 0 ? 'it is the next of its DAG' : `${counted(aheadOfDag, 'run')} of the DAG wait before it`
  const details = { dag: run.dagName, active_of_dag: activeOfDag, active, ahead_of_dag: aheadOfDag }
  if (dagLimit !== null && activeOfDag >= dagLimit)
    return reason(
      'run_waits_for_dag_limit',
      `the run waits: ${activeOfDag} of ${dagLimit} runs of the DAG ${run.dagName} are active; ${ahead}`,
      { ...details, limit: dagLimit },
    )
  if (maxActiveRuns !== null && active >= maxActiveRuns)
    return reason(
      'run_waits_for_overall_limit',
      `the run waits: ${active} of ${counted(maxActiveRuns, 'run')} that may be active in all are; ${ahead}`,
      { ...details, limit: maxActiveRuns },
    )
  return reason(
    'run_waits_for_admission',
    `there is room for the run, and it is let through at the next look of a scheduler; ${ahead}`,
    details,
  )
}

function ownerReasons({ run, partition, broker, now }: Facts): readonly Reason[] {
  const { partition: number } = run.head
  const { owner, load, isSetAside } = partition
  const reasons: Reason[] = []
  if (isSetAside)
    reasons.push(
      reason(
        'run_set_aside',
        'the engine has set the run aside, because it cannot be loaded or stored; its log says why',
        { owner },
      ),
    )
  // Without the broker this scheduler hears of no other.
  if (owner === null && broker === 'open')
    reasons.push(
      reason(
        'partition_without_owner',
        `no live scheduler owns partition ${number}, which the run belongs to`,
        {
          partition: number,
        },
      ),
    )
  if (load !== null && load.databaseAwaySince !== null)
    reasons.push(
      reason(
        'database_away',
        `the database has not answered ${owner ?? 'the engine'} for ${lasting(now - load.databaseAwaySince)}`,
        { owner, since: isoOf(load.databaseAwaySince) },
      ),
    )
  const behindSince = Math.min(load?.oldestEventAt ?? now, load?.waitingSince ?? now)
  const lagMs = now - behindSince
  if (load !== null && lagMs >= promptMs)
    reasons.push(
      reason(
        'engine_behind',
        `the engine is ${lasting(lagMs)} behind, with ${counted(load.backlog, 'event')} before it`,
        { owner, lag_ms: lagMs, backlog: load.backlog },
      ),
    )
  return reasons
}

function notTakenUp({ run, partition, now }: Facts): Reason {
  const { createdAt, partition: number } = run.head
  const who = partition.owner === null ? `the owner of partition ${number}` : partition.owner
  return reason(
    'run_not_taken_up',
    `the run was accepted ${lasting(now - createdAt)} ago; ${who} has not taken it up yet`,
    { owner: partition.owner, partition: number, accepted_at: isoOf(createdAt) },
  )
}

function cancelling({ run, now }: Facts): Reason {
  const { cancelDeadlineAt } = run.head
  const running = run.tasks.filter(({ state }) => state === 'running').length
  const until = cancelDeadlineAt === null ? '' : `; they are given up in ${lasting(cancelDeadlineAt - now)}`
  return reason(
    'run_cancelling',
    `the run is being cancelled: ${counted(running, 'attempt')} still to end${until}`,
    { running, deadline_at: cancelDeadlineAt === null ? null : isoOf(cancelDeadlineAt) },
  )
}

/** What would make an end of it. */
export const nextOf = ({ code }: Reason): string | null => next[code] ?? null

const soon = 'nothing has to be done: it takes a second or two'
const next: Partial<Readonly<Record<ReasonCode, string>>> = {
  run_waits_for_dag_limit:
    'a run of the DAG that ends, or a higher max_active_runs in a new version of its document',
  run_waits_for_overall_limit: 'runs that end, or a higher CELERIAC_MAX_ACTIVE_RUNS',
  run_waits_for_admission: soon,
  run_not_taken_up: soon,
  engine_behind: 'the engine catches up; more schedulers share the partitions',
  partition_without_owner: 'a scheduler takes the partition over within seconds; if none does, start one',
  database_away: 'the database answers again',
  run_set_aside: 'whatever the log of the scheduler names is put right; the engine tries again by itself',
  run_cancelling: 'the attempts end, or their time is up',
}
