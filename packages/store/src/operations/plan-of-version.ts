import type { DagPlan } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import type { PlanCache } from '../plan-cache.ts'

const statement: Statement = {
  name: 'find_plan',
  text: 'select plan from dag_versions where dag_id = $1 and version = $2',
}

/** The plan of a DAG version that a run names, so it exists. */
export const planOfVersion = (
  database: Database,
  plans: PlanCache,
  dagId: string,
  version: number,
): Promise<DagPlan> =>
  plans.get(dagId, version, async () => {
    const [found] = await database.call<{ plan: DagPlan }>(statement, [dagId, version])
    if (found === undefined) throw new Error('a run has no DAG version')
    return found.plan
  })
