import type { AdmissionFacts, RunRecord } from '@celeriac/core'
import { RunHarness, type OperatorSpec } from '../../../../packages/core/test/builders.ts'
import type { Facts } from '../../src/explain/facts.ts'

/** The run of a harness as the store would give it. */
export const recordOf = ({ run }: RunHarness, isAdmitted = true): RunRecord => ({
  id: run.head.id,
  dagId: run.head.dagId,
  dagVersion: 1,
  submittedBy: 'ada',
  dagName: 'demo',
  state: run.head.state,
  version: run.head.version,
  createdAt: run.head.createdAt,
  startedAt: run.head.startedAt,
  finishedAt: run.head.finishedAt,
  head: run.head,
  isAdmitted,
  plan: run.plan,
  tasks: [...run.tasks],
})

/** A platform in which all is well and nothing waits. */
export const factsOf = (harness: RunHarness, over: Partial<Facts> = {}): Facts => ({
  now: harness.now,
  run: recordOf(harness),
  attempts: [],
  admission: null,
  maxActiveRuns: 10_000,
  partition: { owner: 'scheduler-1', load: null, isSetAside: false },
  broker: 'open',
  queueOf: ({ executor }) => `celeriac.${executor}`,
  depthOf: (queue) => ({ queue, messages: 0, consumers: 1 }),
  consumersOf: () => ['w1'],
  leaseOf: () => null,
  workerSeenAt: () => null,
  canHear: true,
  ...over,
})

export const admissionFacts = (over: Partial<AdmissionFacts> = {}): AdmissionFacts => ({
  isAdmitted: false,
  maxActiveRunsOfDag: null,
  activeOfDag: 0,
  active: 0,
  aheadOfDag: 0,
  owner: null,
  ...over,
})

/** A run under way. */
export const underWay = (specs: readonly OperatorSpec[]): RunHarness => new RunHarness(specs).start()
