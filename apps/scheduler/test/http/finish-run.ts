import { pathOf } from '@celeriac/runtime'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { vi } from 'vitest'
import { chainDocument, type Harness } from './api-harness.ts'

interface Deployment {
  readonly name: string
  readonly alias?: string
}

export const asChampion: Deployment = { name: 'model', alias: 'champion' }

/** Runs a DAG of one operator that deploys a model; gives the run's id. */
export async function finishRun(api: Harness, deployment: Deployment = asChampion): Promise<string> {
  const yaml = { type: 'application/yaml', body: chainDocument(['a'], 'world') }
  const runId: string = (await api.call('POST', '/api/v1/runs', yaml)).body.id
  // Also used in hooks, where expect.poll is not allowed.
  await vi.waitFor(
    async () => {
      if ((await api.call('GET', `/api/v1/runs/${runId}`)).body.state !== 'running')
        throw new Error('not started')
    },
    { timeout: 20_000 },
  )
  const uri = api.deps.artifacts.portUri({ runId, operatorId: 'a', attempt: 1 }, 0)
  await mkdir(pathOf(uri), { recursive: true })
  await writeFile(join(pathOf(uri), 'sidecar.json'), '{"preview":{"columns":["x"],"rows":[[1]]}}')
  await writeFile(join(pathOf(uri), 'table.parquet'), 'PAR1')
  await api.engine.succeed(runId, 0, {
    outputs: { '0': { type: 'Table', uri, rows: 1 } },
    deployment: {
      ...deployment,
      model_uri: uri,
      metrics: { auc: 0.9 },
    },
  })
  return runId
}
