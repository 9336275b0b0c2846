/** Heartbeats on the broadcast exchange, and what the owner of the partition makes of them (engine/leases.ts). */
import { decideEvent } from './scheduler-steps.ts'
import { currentTask, withScheduler, withWorker, type Heartbeat, type State, type Worker } from './state.ts'
import { afterFault, canFault, type Rules, type Step } from './step.ts'
import { listedBy, revokeAtWorkers } from './worker-steps.ts'

export function* heartbeatSteps(state: State, rules: Rules): Generator<Step> {
  for (const [index, worker] of state.workers.entries()) {
    if (!worker.isFrozen && worker.link === 'up') {
      yield* heard(state, worker, listedBy(worker), 'a heartbeat', rules)
      if (
        worker.lateBeat === null &&
        listedBy(worker).leases.length > 0 &&
        canFault(state, rules, 'late heartbeat')
      )
        yield {
          label: `worker ${worker.name} sends a heartbeat that takes its time`,
          fairness: 'fault',
          next: afterFault(withWorker(state, index, { lateBeat: listedBy(worker) }), 'late heartbeat'),
        }
    }
    if (worker.lateBeat === null) continue
    const arrived = withWorker(state, index, { lateBeat: null })
    let isHeard = false
    for (const step of heard(arrived, worker, worker.lateBeat, 'the late heartbeat', rules)) {
      isHeard = true
      yield step
    }
    if (!isHeard)
      yield {
        label: `the late heartbeat of worker ${worker.name} says nothing new`,
        fairness: 'fair',
        next: arrived,
      }
  }
}

/** Steps by which the heartbeat changes anything; one that does not is no step. */
function* heard(
  state: State,
  worker: Worker,
  { leases, handedOver }: Heartbeat,
  what: string,
  rules: Rules,
): Generator<Step> {
  for (const [index, scheduler] of state.schedulers.entries()) {
    const { memory, isFrozen, link, name, batch } = scheduler
    if (isFrozen || link === 'off' || memory === null) continue
    for (const id of leases) {
      const label = `scheduler ${name} hears ${what} of worker ${worker.name} with ${id}`
      const task = currentTask(memory, id)
      if (task === undefined) {
        const isEnded = scheduler.ended.includes(id) && batch?.stage !== 'decided'
        if (!isEnded && !rules.planted.has('revocation without a fence')) continue
        const current = currentTask(state.row, id)
        yield {
          label: `${label}, which has ended: it is revoked`,
          fairness: 'fair',
          next: revokeAtWorkers(state, [id]),
          ...(current !== undefined && { violation: `the current attempt ${id} was revoked` }),
        }
        continue
      }
      const lease = scheduler.leases[task.ordinal] ?? null
      const isHolder = task.state === 'running' && task.worker === worker.name
      if (isHolder && lease !== null && lease.mark !== null)
        yield {
          label: `${label}: renewed`,
          fairness: 'fair',
          next: withLease(state, index, task.ordinal, worker, id),
        }
      if (isHolder && lease === null)
        yield {
          label: `${label}: covered`,
          fairness: 'fair',
          next: withLease(state, index, task.ordinal, worker, id),
        }
      // Its STARTED was lost, or taken back wrongly, or its holder is silent: who says that it runs it, runs it.
      const isLeased = handedOver.includes(id)
      const isNews = isHolder ? isLeased && !task.isLeased : isLeased || !task.isLeased
      const mayTake =
        isHolder ||
        task.state !== 'running' ||
        (lease !== null && lease.mark !== null) ||
        rules.planted.has('heartbeats take over')
      if (isNews && mayTake && batch === null)
        yield* decideEvent(
          state,
          index,
          {
            type: 'started',
            ordinal: task.ordinal,
            attempt: task.attempt,
            worker: worker.name,
            startedAt: null,
            isLeased,
          },
          null,
          `${label}: it runs there`,
          rules,
        )
    }
  }
}

function withLease(state: State, index: number, ordinal: number, worker: Worker, id: string): State {
  const leases = state.schedulers[index]?.leases ?? []
  return withScheduler(state, index, {
    leases: leases.map((one, at) => (at === ordinal ? { id, worker: worker.name, mark: null } : one)),
  })
}
