import type { Topology } from '@celeriac/broker'
import {
  AppError,
  type Broker,
  type Clock,
  type Instant,
  type PlanOperator,
  type QueueDepth,
  type RunHead,
  type RunRecord,
  type Store,
} from '@celeriac/core'
import { within } from '@celeriac/runtime'
import type { Facts, LeaseFacts, PartitionFacts } from './facts.ts'

/** The fleet and the engines, as this scheduler sees them. */
export interface ExplainView {
  readonly maxActiveRuns: number | null
  readonly partitionOf: (head: RunHead) => PartitionFacts
  readonly leaseOf: (attemptId: string) => LeaseFacts | null
  readonly consumersOf: (queue: string) => readonly string[]
  readonly workerSeenAt: (worker: string) => Instant | null
  readonly canHear: () => boolean
}

export interface GatherDeps {
  readonly store: Pick<Store, 'findRun' | 'listAttempts' | 'findAdmission'>
  readonly broker: Pick<Broker, 'state' | 'depths'>
  readonly topology: Topology
  readonly clock: Clock
  readonly view: ExplainView
}

/** The broker is asked for so long; what it does not say is left out. */
const brokerPatienceMs = 1_000

/** Queues of one answer: each costs the broker a question, one that is missing a channel. The others stay unknown. */
const mostQueues = 50

/**
 * Everything that is known about a run and may explain it, or one of its operators. Reads only. Null: there is no such
 * run.
 */
export async function gatherFacts(
  runId: string,
  deps: GatherDeps,
  operatorId: string | null = null,
): Promise<Facts | null> {
  const { store, broker, topology, clock, view } = deps
  const [run, attempts] = await Promise.all([store.findRun(runId), store.listAttempts(runId)])
  if (run === null) return null
  const queueOf = (operator: PlanOperator): string => queueOfOperator(operator, topology)
  const [admission, depths] = await Promise.all([
    run.state === 'queued'
      ? store.findAdmission({ runId, maxActiveRuns: view.maxActiveRuns })
      : Promise.resolve(null),
    depthsOf(run, operatorId, queueOf, deps),
  ])
  return {
    now: clock.now(),
    run,
    attempts,
    admission,
    maxActiveRuns: view.maxActiveRuns,
    partition: view.partitionOf(run.head),
    broker: broker.state,
    queueOf,
    depthOf: (queue) => depths.get(queue) ?? null,
    consumersOf: view.consumersOf,
    leaseOf: view.leaseOf,
    workerSeenAt: view.workerSeenAt,
    canHear: view.canHear(),
  }
}

function queueOfOperator({ task, executor }: PlanOperator, topology: Topology): string {
  if (task !== undefined) return task.queue ?? topology.celeryQueue
  // An executor that this scheduler was not told of has a queue elsewhere, under the same rule.
  return topology.executors.includes(executor)
    ? topology.executorQueue(executor)
    : `${topology.prefix}celeriac.${executor}`
}

/** Depths of the queues that operators of the run wait in. Empty when the broker does not say. */
async function depthsOf(
  { plan, tasks }: RunRecord,
  operatorId: string | null,
  queueOf: (operator: PlanOperator) => string,
  { broker, clock }: GatherDeps,
): Promise<ReadonlyMap<string, QueueDepth>> {
  const waiting = plan.operators.filter(
    ({ id, ordinal }) => tasks[ordinal]?.state === 'queued' && (operatorId === null || id === operatorId),
  )
  const queues = [...new Set(waiting.map(queueOf))].slice(0, mostQueues)
  if (queues.length === 0 || broker.state === 'connecting' || broker.state === 'closed') return new Map()
  try {
    const depths = await within(brokerPatienceMs, broker.depths(queues), clock)
    return new Map((depths ?? []).map((depth) => [depth.queue, depth]))
  } catch (error) {
    if (error instanceof AppError) return new Map()
    throw error
  }
}
