import type { Topology } from '@celeriac/broker'
import { encodeModelChanged, type ModelChanged } from '@celeriac/contracts'
import { AppError, type Broker, type ModelRegistry, type ModelVersionRecord } from '@celeriac/core'

export interface ModelMemoryDeps {
  readonly store: Pick<ModelRegistry, 'findModelRoute' | 'listModelVersions'>
  readonly broker: Pick<Broker, 'publish'>
  readonly topology: Pick<Topology, 'modelExchange'>
}

/** Most versions of a model that are dropped with one word: the newest. */
const mostVersions = 200

/** Tells all predict workers what to have in memory. Hints: a worker loads whatever it is asked about, at any time. */
export class ModelMemory {
  readonly #deps: ModelMemoryDeps

  constructor(deps: ModelMemoryDeps) {
    this.#deps = deps
  }

  /** What serves the model now is loaded and warmed. Rejects with NOT_FOUND_MODEL; BROKER_UNAVAILABLE. */
  async load(name: string): Promise<void> {
    const route = await this.#deps.store.findModelRoute(name)
    if (route === null) throw noSuchModel(name)
    const { revision, primary, canary, shadow } = route
    const serving = [primary, canary?.version, shadow?.version].filter((model) => model !== undefined)
    await this.#tell({ name, revision, load: serving.map(({ version, uri }) => ({ version, uri })) })
  }

  /** No version of the model stays in memory. Rejects as {@link load}. */
  async unload(name: string): Promise<void> {
    const { store } = this.#deps
    const [{ items }, route] = await Promise.all([
      store.listModelVersions({ name, limit: mostVersions }),
      store.findModelRoute(name),
    ])
    if (items.length === 0) throw noSuchModel(name)
    const unload = items.map(({ uri }: ModelVersionRecord) => uri)
    await this.#tell({ name, revision: route?.revision ?? 0, load: [], unload })
  }

  async #tell(change: ModelChanged): Promise<void> {
    const { broker, topology } = this.#deps
    await broker.publish([encodeModelChanged(topology.modelExchange, change)])
  }
}

const noSuchModel = (name: string): AppError =>
  new AppError('NOT_FOUND_MODEL', 'there is no such model, or all of its versions are archived', {
    details: { name },
  })
