/**
 * Where predictions go, without asking the database each time.
 *
 *   request ──▶ entry of the model (route, versions that were named) ──▶ version
 *                 ▲ read anew after: the model-changed event, or a revision that is not the entry's
 *
 * Events are hints and may be lost, so the revisions of the models in use are compared every second. While an entry is
 * read anew its readers wait for a moment, then take the old one: an outage of the database must not stop predictions
 * whose way was known.
 */
import {
  AppError,
  messageOf,
  type Clock,
  type Instant,
  type ModelRegistry,
  type ModelRoute,
  type ModelVersionRecord,
} from '@celeriac/core'
import { within, type Logger } from '@celeriac/runtime'

export type RouteReader = Pick<ModelRegistry, 'findModelRoute' | 'findModelVersion' | 'listModelRevisions'>

/** Why an entry was read: the first time, after an event, or because its revision was old. */
export type RefreshReason = 'first' | 'event' | 'revision'

export interface ModelRoutesDeps {
  readonly registry: RouteReader
  readonly clock: Clock
  readonly logger: Logger
  readonly onRefresh?: (reason: RefreshReason) => void
}

/** A version by its number or an alias. */
export interface VersionName {
  readonly version?: number
  readonly alias?: string
}

interface Entry {
  readonly revision: number
  /** Null: every version is archived. */
  readonly route: ModelRoute | null
  /** Versions that were asked for by number or alias. */
  readonly named: Map<string, ModelVersionRecord>
}

interface Slot {
  entry: Entry | null
  /** Set: the entry is to be read anew. */
  stale: RefreshReason | null
  reading: Promise<void> | null
  usedAt: Instant
}

/** How often revisions are compared, in milliseconds. */
const compareEveryMs = 1_000
/** How long a request waits for a newer route when it has an old one. */
const refreshWaitMs = 250
/** A model that nobody has asked for this long is forgotten. */
const forgetMs = 600_000
const mostModels = 1_000

export class ModelRoutes {
  readonly #deps: ModelRoutesDeps
  readonly #slots = new Map<string, Slot>()
  #cancelTimer: (() => void) | null = null
  #isStopped = false

  constructor(deps: ModelRoutesDeps) {
    this.#deps = deps
  }

  /** The model's route, if it is known and not in question: the way of nearly all requests, without a promise. */
  known(name: string): ModelRoute | null {
    const slot = this.#slots.get(name)
    if (slot === undefined || slot.stale !== null) return null
    slot.usedAt = this.#deps.clock.now()
    return slot.entry?.route ?? null
  }

  /** Throws NOT_FOUND_MODEL; CONFLICT_MODEL_ARCHIVED when no version is left that may serve. */
  async routeOf(name: string): Promise<ModelRoute> {
    const { route } = await this.#entry(name)
    if (route !== null) return route
    throw new AppError('CONFLICT_MODEL_ARCHIVED', 'all versions of the model are archived', {
      details: { name },
    })
  }

  /** Throws NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED. */
  async versionOf(name: string, wanted: VersionName): Promise<ModelVersionRecord> {
    const { named, route } = await this.#entry(name)
    const key = wanted.version === undefined ? `alias ${wanted.alias}` : `version ${wanted.version}`
    const model =
      named.get(key) ??
      servingOne(route, wanted) ??
      (await this.#deps.registry.findModelVersion({ name, ...wanted }))
    if (model === null) throw notFound(name, wanted)
    named.set(key, model)
    if (model.archivedAt === null) return model
    throw new AppError('CONFLICT_MODEL_ARCHIVED', 'this version of the model is archived and not served', {
      details: { name, version: model.version },
    })
  }

  /** Routes that are known here, the one that was asked for last at the end. */
  inUse(): readonly ModelRoute[] {
    return [...this.#slots.values()]
      .toSorted((one, other) => one.usedAt - other.usedAt)
      .flatMap(({ entry }) => entry?.route ?? [])
  }

  /** The model has changed: what is known of it is read anew before it is used again. */
  changed(name: string, revision?: number): void {
    const slot = this.#slots.get(name)
    if (slot === undefined || (revision !== undefined && revision === slot.entry?.revision)) return
    slot.stale ??= 'event'
    // What is being read may be from before the change.
    if (slot.reading !== null) slot.stale = 'event'
  }

  /** Events may have been lost: everything is compared at once. */
  compareSoon(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    void this.#compare()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
  }

  async #entry(name: string): Promise<Entry> {
    let slot = this.#slots.get(name)
    if (slot === undefined) {
      slot = { entry: null, stale: 'first', reading: null, usedAt: 0 }
      this.#remember(name, slot)
    }
    slot.usedAt = this.#deps.clock.now()
    if (slot.stale === null && slot.entry !== null) return slot.entry
    const reading = this.#refresh(name, slot)
    const old = slot.entry
    if (old === null) await reading
    else await within(refreshWaitMs, reading, this.#deps.clock)
    if (slot.entry !== null) return slot.entry
    throw notFound(name, {})
  }

  /** One reading at a time; rejects only where there is nothing to fall back on. */
  #refresh(name: string, slot: Slot): Promise<void> {
    slot.reading ??= this.#read(name, slot)
      .catch((error: unknown) => {
        if (slot.entry === null) {
          if (this.#slots.get(name) === slot) this.#slots.delete(name)
          throw error
        }
        this.#deps.logger.warn(
          { model: name, err: messageOf(error) },
          'route of a model not read; the old one serves on',
        )
      })
      .finally(() => {
        slot.reading = null
      })
    return slot.reading
  }

  async #read(name: string, slot: Slot): Promise<void> {
    const { registry, onRefresh } = this.#deps
    const reason = slot.stale ?? 'event'
    slot.stale = null
    try {
      // The revision before what it counts: a change in between shows at the next comparison.
      const revision = (await registry.listModelRevisions([name])).get(name)
      const route = revision === undefined ? null : await registry.findModelRoute(name)
      onRefresh?.(reason)
      if (revision === undefined) {
        slot.entry = null
        this.#slots.delete(name)
      } else slot.entry = { revision: route?.revision ?? revision, route, named: new Map() }
    } catch (error) {
      // Tried again by the next comparison, when the database is there: not by every request.
      slot.stale = slot.entry === null ? reason : slot.stale
      throw error
    }
  }

  #remember(name: string, slot: Slot): void {
    if (this.#slots.size >= mostModels) this.#forgetOne()
    this.#slots.set(name, slot)
    this.#compareLater()
  }

  /** What was never read is a name that somebody has made up, more often than not; else what was not used for longest. */
  #forgetOne(): void {
    let victim: { name: string; usedAt: Instant } | null = null
    for (const [name, { entry, usedAt }] of this.#slots) {
      if (entry === null) {
        this.#slots.delete(name)
        return
      }
      if (victim === null || usedAt < victim.usedAt) victim = { name, usedAt }
    }
    if (victim !== null) this.#slots.delete(victim.name)
  }

  #compareLater(): void {
    if (this.#cancelTimer !== null || this.#isStopped || this.#slots.size === 0) return
    this.#cancelTimer = this.#deps.clock.after(compareEveryMs, () => {
      this.#cancelTimer = null
      void this.#compare()
    })
  }

  async #compare(): Promise<void> {
    const { registry, clock, logger } = this.#deps
    const now = clock.now()
    for (const [name, { usedAt }] of this.#slots) if (now - usedAt > forgetMs) this.#slots.delete(name)
    try {
      if (this.#slots.size === 0) return
      const revisions = await registry.listModelRevisions([...this.#slots.keys()])
      for (const [name, slot] of this.#slots)
        if (slot.entry !== null && slot.stale === null && revisions.get(name) !== slot.entry.revision) {
          slot.stale = 'revision'
          // Not when it is asked for next: that request would wait for it.
          void this.#refresh(name, slot)
        }
    } catch (error) {
      logger.debug({ err: messageOf(error) }, 'revisions of models not compared')
    } finally {
      this.#compareLater()
    }
  }
}

/** The version, when it is one that the route knows. Aliases move with the revision, so they are right as well. */
function servingOne(route: ModelRoute | null, { version, alias }: VersionName): ModelVersionRecord | null {
  const serving = [route?.primary, route?.canary?.version, route?.shadow?.version]
  return (
    serving.find((model) =>
      version === undefined
        ? alias !== undefined && model?.aliases.includes(alias) === true
        : model?.version === version,
    ) ?? null
  )
}

const notFound = (name: string, { version, alias }: VersionName): AppError =>
  new AppError('NOT_FOUND_MODEL', 'there is no such model or model version', {
    details: { name, version: version ?? null, alias: alias ?? null },
  })
