import type { LoadedDeployment } from '../scorer.ts'
import { ResidentModels, type ResidencyLimits } from './resident-models.ts'

export type LoadDeployment = (uri: string) => Promise<LoadedDeployment>

export interface DeploymentCacheOptions {
  readonly load: LoadDeployment
  readonly limits: ResidencyLimits
  /** Not to be evicted before others. */
  readonly isHeld: (uri: string) => boolean
  readonly onLoaded: (deployment: LoadedDeployment) => void
  /** Whoever has it still finishes with it. */
  readonly onEvicted: (uri: string) => void
}

/** What a deployment takes beside its scorer: signature, sample, and the bookkeeping of it. */
const overheadBytes = 16_384

/**
 * Deployments that this process has read. Loads of one URI at a time share the one under way; one that fails is not
 * remembered, so that the next request tries again.
 */
export class DeploymentCache {
  readonly #options: DeploymentCacheOptions
  readonly #resident: ResidentModels<LoadedDeployment>
  readonly #loading = new Map<string, Promise<LoadedDeployment>>()

  constructor(options: DeploymentCacheOptions) {
    this.#options = options
    this.#resident = new ResidentModels(options.limits)
  }

  get count(): number {
    return this.#resident.count
  }

  get bytes(): number {
    return this.#resident.bytes
  }

  /** The deployment, if it is in memory; it counts as used now. */
  peek(uri: string): LoadedDeployment | undefined {
    return this.#resident.use(uri)
  }

  /** Rejects as `LoadDeployment` does. */
  get(uri: string): Promise<LoadedDeployment> {
    const resident = this.#resident.use(uri)
    if (resident !== undefined) return Promise.resolve(resident)
    const underWay = this.#loading.get(uri)
    if (underWay !== undefined) return underWay
    const loading = this.#load(uri).finally(() => this.#loading.delete(uri))
    this.#loading.set(uri, loading)
    return loading
  }

  remove(uri: string): void {
    if (this.#resident.remove(uri)) this.#options.onEvicted(uri)
  }

  async #load(uri: string): Promise<LoadedDeployment> {
    const { load, isHeld, onLoaded, onEvicted } = this.#options
    const deployment = await load(uri)
    this.#resident.add(uri, deployment, overheadBytes + (deployment.scorer?.bytes ?? 0))
    for (const evicted of this.#resident.evict(isHeld, null)) onEvicted(evicted)
    onLoaded(deployment)
    return deployment
  }
}
