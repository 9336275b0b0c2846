/**
 * News that a model's route has changed: from whoever changed it, over a fanout, to all schedulers (which read the route
 * anew) and predict workers (which load what serves now before they are asked for it). A hint: what is lost is found by
 * comparing revisions.
 */
import type { Topology } from '@celeriac/broker'
import {
  decodeModelChanged,
  encodeModelChanged,
  encodeModelsRouted,
  isModelChanged,
  wantsModels,
  type ModelChanged,
} from '@celeriac/contracts'
import { isAppError, messageOf, type Broker, type Delivery, type ModelRoute } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { ModelRoutes } from './model-routes.ts'

export interface ModelChangesDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly routes: Pick<ModelRoutes, 'changed' | 'compareSoon' | 'inUse' | 'routeOf'>
  readonly logger: Logger
  /** Name of this scheduler, unique among those alive. */
  readonly name: string
}

export class ModelChanges {
  readonly #deps: ModelChangesDeps

  constructor(deps: ModelChangesDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { broker, topology, routes, name } = this.#deps
    const queue = `${topology.modelExchange}.${name}`
    await broker.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.modelExchange, routingKey: '' }],
      messageTtlMs: 5_000,
    })
    await broker.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onDelivery(delivery),
      // What was told while the subscription was lost did not reach this scheduler.
      onState: (state) => {
        if (state === 'active') routes.compareSoon()
      },
    })
  }

  /** The model was changed, and that is in the database. Returns at once; predictions here follow from now on. */
  changed(name: string): void {
    this.#deps.routes.changed(name)
    void this.#tell(name)
  }

  async #tell(name: string): Promise<void> {
    const { broker, topology, routes, logger } = this.#deps
    try {
      const route = await routes.routeOf(name).catch(noneIfGone)
      const change = route === null ? { name, revision: 0, load: [] } : changeOf(route)
      await broker.publish([encodeModelChanged(topology.modelExchange, change)])
    } catch (error) {
      logger.warn({ model: name, err: messageOf(error) }, 'the change of a model was not told')
    }
  }

  /** A worker has come; it should not have to load each model under its first request. */
  async #tellAll(replyTo: string): Promise<void> {
    const { broker, routes, logger } = this.#deps
    try {
      await broker.publish([encodeModelsRouted(replyTo, routes.inUse().map(changeOf))])
    } catch (error) {
      logger.warn({ err: messageOf(error) }, 'a predict worker was not told which models are served')
    }
  }

  #onDelivery(delivery: Delivery): void {
    try {
      const asker = wantsModels(delivery)
      if (asker !== null) void this.#tellAll(asker)
      if (!isModelChanged(delivery)) return
      const { name, revision } = decodeModelChanged(delivery)
      this.#deps.routes.changed(name, revision === 0 ? undefined : revision)
    } catch (error) {
      // Of a newer version, perhaps; the revisions tell.
      this.#deps.logger.debug({ err: messageOf(error) }, 'the change of a model was not understood')
    }
  }
}

const changeOf = ({ name, revision, primary, canary, shadow }: ModelRoute): ModelChanged => ({
  name,
  revision,
  load: [primary, canary?.version, shadow?.version]
    .filter((model) => model !== undefined)
    .map(({ version, uri }) => ({ version, uri })),
})

function noneIfGone(error: unknown): ModelRoute | null {
  if (isAppError(error) && !error.retryable) return null
  throw error
}
