import { randomUUID } from 'node:crypto'
import {
  defaultRetryPolicy,
  newOperatorTask,
  partitionOf,
  type CommitOutcome,
  type DagPlan,
  type DagVersionRecord,
  type EngineBatch,
  type NewDag,
  type OperatorTask,
  type RunHead,
  type Store,
  type TaskWrite,
} from '@celeriac/core'

/** A started store for a suite, with a way to run SQL behind its back. */
export interface StoreUnderTest {
  readonly store: Store
  readonly sql: (text: string) => Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

export type MakeStore = () => Promise<StoreUnderTest>

/** A plan of operators one after another. */
export const chainPlan = (length: number): DagPlan => ({
  operators: Array.from({ length }, (_, ordinal) => ({
    ordinal,
    id: `op-${ordinal}`,
    algoName: 'algo_local_pass_through',
    executor: 'local',
    params: { 标签: 'a', nothing: null },
    inputs: ordinal === 0 ? [] : [{ port: 0, from: ordinal - 1, fromPort: 0 }],
    upstream: ordinal === 0 ? [] : [ordinal - 1],
    downstream: ordinal === length - 1 ? [] : [ordinal + 1],
    triggerRule: 'all_success',
    retry: defaultRetryPolicy,
    timeoutMs: null,
  })),
})

export const aDag = (over: Partial<NewDag> = {}): NewDag => ({
  name: `dag-${randomUUID()}`,
  source: 'dag: {}\n',
  document: { dag: { operator_list: [], params: { scale: 0.5, translate: [1, -2] } } },
  plan: chainPlan(3),
  contentHash: randomUUID(),
  ...over,
})

export const idInPartition = (partition: number): string => {
  for (;;) {
    const id = randomUUID()
    if (partitionOf(id) === partition) return id
  }
}

/** A registered DAG with one run of it, whose partition this test owns. */
export interface RunFixture {
  readonly dag: DagVersionRecord
  readonly head: RunHead
  readonly fence: { readonly partition: number; readonly epoch: number }
}

export async function aRun(
  store: Store,
  {
    length = 3,
    partition,
    submittedBy = null,
  }: { readonly length?: number; readonly partition?: number; readonly submittedBy?: string | null } = {},
): Promise<RunFixture> {
  const { version: dag } = await store.registerDag(aDag({ plan: chainPlan(length) }))
  const { head } = await store.createRun({
    id: partition === undefined ? randomUUID() : idInPartition(partition),
    dagId: dag.dagId,
    dagVersion: dag.version,
    datasets: {},
    idempotencyKey: null,
    submittedBy,
  })
  const { epoch } = await store.claimPartition({ partition: head.partition, owner: 'test' })
  return { dag, head, fence: { partition: head.partition, epoch } }
}

export const aBatch = (over: Partial<EngineBatch>): EngineBatch => ({
  fences: [],
  heads: [],
  tasks: [],
  attempts: [],
  deployments: [],
  ...over,
})

/** Writes tasks of one run under its fence, each from the state `from`. */
export const writeTasks = (
  store: Store,
  { head, fence }: RunFixture,
  from: OperatorTask,
  tasks: readonly OperatorTask[],
): Promise<CommitOutcome> =>
  store.commitBatch(aBatch({ fences: [fence], tasks: tasks.map((task) => aWrite(head.id, from, task)) }))

export const aWrite = (
  runId: string,
  from: Pick<OperatorTask, 'state' | 'attempt'>,
  task: OperatorTask,
): TaskWrite => ({ runId, fromState: from.state, fromAttempt: from.attempt, task })

export const pendingTask = newOperatorTask

export const readyTask = (ordinal: number, attempt = 1): OperatorTask => ({
  ...newOperatorTask(ordinal),
  state: 'ready',
  attempt,
  attemptId: randomUUID(),
  readyAt: 1_763_689_619_001,
})

export const runningTask = (ready: OperatorTask): OperatorTask => ({
  ...ready,
  state: 'running',
  worker: 'worker-1@host',
  startedAt: 1_763_689_619_123,
  progress: { current: 1, total: 2, message: '训练中' },
})

export const succeededTask = (task: OperatorTask): OperatorTask => ({
  ...task,
  state: 'succeeded',
  startedAt: 1_763_689_619_123,
  finishedAt: 1_763_689_620_999,
  worker: 'worker-1@host',
  result: {
    outputs: { '0': { type: 'Table', uri: 'file:///artifacts/0', rows: 24_000 } },
    metrics: { auc: 0.72, tiny: 1e-12 },
    compat: [{ param: 'presort', action: 'dropped' }],
  },
})

export const startedHead = (head: RunHead): RunHead => ({
  ...head,
  state: 'running',
  version: head.version + 1,
  startedAt: 1_763_689_618_000,
})
