import { isAppError, type FiringStart, type ScheduleTarget, type Store } from '@celeriac/core'
import type { AlgorithmCatalog } from '@celeriac/contracts'
import type { Admission } from '../submission/admission.ts'
import { pinDatasets } from '../submission/dataset-pins.ts'

/**
 * What a firing of this target starts now: the DAG version, with the data sets where they are. What the user has to put
 * right (no such DAG, no such data set) is an answer; that the database does not answer is thrown.
 */
export async function resolveStart(
  target: ScheduleTarget,
  deps: { readonly store: Store; readonly algorithms: AlgorithmCatalog },
): Promise<FiringStart> {
  if (target.kind === 'task') return { kind: 'task', task: target }
  const { dag: idOrName, version } = target
  const dag = await deps.store.findDagVersion({ idOrName, ...(version === null ? {} : { version }) })
  if (dag === null)
    return {
      kind: 'refused',
      code: 'NOT_FOUND_DAG',
      message: `there is no DAG ${idOrName}${version === null ? '' : ` version ${version}`}`,
    }
  try {
    const datasets = await pinDatasets(dag.plan, deps)
    return { kind: 'run', dagId: dag.dagId, dagVersion: dag.version, datasets }
  } catch (error) {
    if (!isAppError(error) || error.retryable) throw error
    return { kind: 'refused', code: error.code, message: error.message }
  }
}

/** What the runs that so many firings start have to pass; asked anew each time. */
export const gated = (start: FiringStart, admission: Pick<Admission, 'gate'>, firings = 1): FiringStart =>
  start.kind === 'run' ? { ...start, gate: admission.gate(firings) } : start
