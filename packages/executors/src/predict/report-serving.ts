import {
  type AttemptHandle,
  type AttemptListener,
  type AttemptOutcome,
  type Clock,
  type Executor,
  type JsonObject,
} from '@celeriac/core'
import { systemClock } from '@celeriac/runtime'
import { loadDeployment, reasonOf } from './load-deployment.ts'
import type { LoadedDeployment, ServingReport } from './scorer.ts'

/** The report as a model version records it. */
export const servingJson = ({
  runtime,
  reason,
  maxDifference,
  tolerance,
  rows,
}: ServingReport): JsonObject => ({
  runtime,
  reason,
  max_difference: maxDifference,
  tolerance,
  rows,
})

/**
 * An executor whose deploying attempts tell how their model will be served: each deployment in a result is loaded and
 * compared with Python's answers, and gets `serving: {runtime, reason, max_difference, tolerance, rows}`. A deployment
 * that cannot be loaded here is served by Python; the attempt does not fail for it.
 */
export function reportServing(
  executor: Executor,
  {
    clock = systemClock,
    load = loadDeployment,
  }: { readonly clock?: Clock; readonly load?: (uri: string) => Promise<LoadedDeployment> } = {},
): Executor {
  const reported = (listener: AttemptListener) => {
    return async (outcome: AttemptOutcome): Promise<AttemptOutcome> => {
      if (outcome.status !== 'succeeded' || outcome.result.deployment === undefined) return outcome
      const { deployment } = outcome.result
      const report = await reportOf(deployment, load)
      listener.onLog([{ at: clock.now(), stream: 'system', text: sentence(report) }])
      const serving = servingJson(report)
      return { ...outcome, result: { ...outcome.result, deployment: { ...deployment, serving } } }
    }
  }
  const withReport = (handle: AttemptHandle, listener: AttemptListener): AttemptHandle => ({
    attemptId: handle.attemptId,
    outcome: handle.outcome.then(reported(listener)),
  })
  return {
    name: executor.name,
    start: () => executor.start(),
    stop: () => executor.stop(),
    run: (attempt, listener) => withReport(executor.run(attempt, listener), listener),
    status: (attemptId) => executor.status(attemptId),
    cancel: (attemptId, reason) => executor.cancel(attemptId, reason),
    adopt: async (attempt, listener) => {
      const adopted = await executor.adopt(attempt, listener)
      return adopted === null ? null : withReport(adopted, listener)
    },
  }
}

async function reportOf(
  deployment: JsonObject,
  load: (uri: string) => Promise<LoadedDeployment>,
): Promise<ServingReport> {
  const uri = deployment['model_uri']
  try {
    if (typeof uri !== 'string') throw new Error('the deployment names no model_uri')
    return (await load(uri)).report
  } catch (error) {
    const tolerance = typeof deployment['tolerance'] === 'number' ? deployment['tolerance'] : 1e-6
    return { runtime: 'python', reason: reasonOf(error), maxDifference: null, tolerance, rows: 0 }
  }
}

function sentence({ runtime, reason, maxDifference, rows }: ServingReport): string {
  if (runtime === 'python') return `served by Python: ${reason}`
  if (rows === 0) return 'served natively; there was no sample to compare with Python'
  return `served natively; over ${rows} rows it differs from Python by at most ${maxDifference}`
}
