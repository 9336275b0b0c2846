/**
 * Cancel and rerun. The API never writes the state of a run: it checks that the request makes sense, tells the engine
 * by an event, and waits until the engine took it up (the head's state or version changes).
 *
 * Unlike `run.created`, these events have no row behind them, so the broker must confirm them before the caller is
 * told anything but "try again". Between check and event the run may move on; the engine then ignores the event and
 * the answer shows the run as it is.
 */
import {
  AppError,
  isFinalRunState,
  partitionOf,
  type Broker,
  type Clock,
  type RunHead,
  type RunRecord,
  type Store,
} from '@celeriac/core'
import { encodeEngineMessage, type EngineMessage } from '@celeriac/contracts'
import type { Topology } from '@celeriac/broker'

export interface ChangeRunDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
}

/** How long an answer waits for the engine. Later the caller sees the change by reading the run. */
const takeUpTimeoutMs = 3_000
const pollIntervalMs = 25

/** Throws NOT_FOUND_RUN, CONFLICT_RUN_FINISHED, BROKER_UNAVAILABLE. Cancelling twice is no error. */
export async function requestCancel(runId: string, deps: ChangeRunDeps): Promise<void> {
  const head = await deps.store.findRunHead(runId)
  if (head === null) throw runNotFound(runId)
  if (isFinalRunState(head.state))
    throw new AppError('CONFLICT_RUN_FINISHED', 'the run is already finished', {
      details: { run_id: runId, state: head.state },
    })
  if (head.state === 'cancelling') return
  const isTakenUp = (now: RunHead): boolean => now.state === 'cancelling' || isFinalRunState(now.state)
  await tellEngine({ event: 'run.cancel', run_id: runId }, isTakenUp, deps)
}

/** Throws NOT_FOUND_RUN, NOT_FOUND_OPERATOR, CONFLICT_RUN_ACTIVE, CONFLICT_RUN_FINISHED, BROKER_UNAVAILABLE. */
export async function requestRerun(
  request: { readonly runId: string; readonly from: string; readonly only: boolean },
  deps: ChangeRunDeps,
): Promise<void> {
  const { runId, from, only } = request
  const run = await deps.store.findRun(runId)
  if (run === null) throw runNotFound(runId)
  if (!isFinalRunState(run.state))
    throw new AppError('CONFLICT_RUN_ACTIVE', 'the run is not finished yet; cancel it or wait', {
      details: { run_id: runId, state: run.state },
    })
  requireSomethingToRerun(run, from)
  const isTakenUp = (now: RunHead): boolean => now.version !== run.version
  const { version } = run.head
  await tellEngine({ event: 'run.rerun', run_id: runId, from, only, version }, isTakenUp, deps)
}

function requireSomethingToRerun(run: RunRecord, from: string): void {
  if (from !== 'failed') {
    if (run.plan.operators.some((operator) => operator.id === from)) return
    throw new AppError('NOT_FOUND_OPERATOR', 'the run has no such operator', {
      details: { run_id: run.id, operator_id: from },
    })
  }
  if (run.tasks.some((task) => task.state !== 'succeeded' && task.state !== 'skipped')) return
  throw new AppError('CONFLICT_RUN_FINISHED', 'nothing in the run failed; name an operator to rerun from', {
    details: { run_id: run.id, state: run.state },
  })
}

export const runNotFound = (runId: string): AppError =>
  new AppError('NOT_FOUND_RUN', 'there is no such run', { details: { run_id: runId } })

async function tellEngine(
  message: EngineMessage & { readonly run_id: string },
  isTakenUp: (head: RunHead) => boolean,
  { store, broker, topology, clock }: ChangeRunDeps,
): Promise<void> {
  const runId = message.run_id
  const [outcome] = await broker.publish([
    encodeEngineMessage(message, topology.eventQueue(partitionOf(runId))),
  ])
  if (outcome !== 'confirmed')
    throw new AppError('BROKER_UNAVAILABLE', 'the broker did not take the request; try again', {
      details: { run_id: runId, outcome: outcome ?? 'unknown' },
    })
  const deadlineAt = clock.now() + takeUpTimeoutMs
  while (clock.now() < deadlineAt) {
    const head = await store.findRunHead(runId)
    if (head === null || isTakenUp(head)) return
    await new Promise<void>((resolve) => void clock.after(pollIntervalMs, resolve))
  }
}
