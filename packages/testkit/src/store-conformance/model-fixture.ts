import { randomUUID } from 'node:crypto'
import type { JsonObject, ModelChange, Store } from '@celeriac/core'
import { aBatch, aRun } from './store-fixture.ts'

/** A model of so many versions, each deployed by a run. */
export async function aModel(store: Store, versions: number, over: JsonObject = {}): Promise<string> {
  const name = `模型-${randomUUID()}`
  await deploy(
    store,
    Array.from({ length: versions }, () => ({ name, model_uri: 'file:///m', ...over })),
  )
  return name
}

export async function deploy(store: Store, deployments: readonly JsonObject[]): Promise<void> {
  const { head, fence } = await aRun(store)
  for (const [index, deployment] of deployments.entries())
    await store.commitBatch(
      aBatch({
        fences: [fence],
        deployments: [{ runId: head.id, ordinal: 0, attempt: index + 1, deployment }],
      }),
    )
}

export async function changesOf(store: Store, name: string): Promise<readonly ModelChange[]> {
  return (await store.listModelChanges({ name, limit: 100 })).items
}
