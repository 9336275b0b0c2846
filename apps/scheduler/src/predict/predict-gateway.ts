/**
 * Predictions of all protocols, from a query to its answer:
 *
 *   query ──▶ route (cached) ──▶ version ──▶ rows against its signature ──▶ limit ──▶ client ──▶ answer ──▶ shadow
 *
 * What will not be answered is refused where the least was spent on it; nothing of a refused query is kept.
 */
import { checkRows, type CheckedRow, type ModelSignature } from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  type Clock,
  type JsonValue,
  type ModelRoute,
  type ModelVersionRecord,
} from '@celeriac/core'
import { AdaptiveLimit, type Refusal, type Scored } from './adaptive-limit.ts'
import { chooseSide } from './choose-side.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { ModelRoutes } from './model-routes.ts'
import type { PredictClient } from './predict-client.ts'
import type { PredictAnswer, PredictQuery, PredictService } from './predict-service.ts'
import type { ScoreWatch } from './score-watch.ts'
import type { Shadow } from './shadow.ts'
import type { Signatures } from './signatures.ts'

export interface PredictGatewayDeps {
  readonly routes: Pick<ModelRoutes, 'known' | 'routeOf' | 'versionOf'>
  readonly signatures: Pick<Signatures, 'of'>
  readonly client: Pick<PredictClient, 'call'>
  readonly shadow: Pick<Shadow, 'ask'>
  readonly metrics: GatewayMetrics
  /** Is told what callers got. */
  readonly scores?: Pick<ScoreWatch, 'observe'>
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Cells of all requests that wait, over all models: what bounds the memory. */
const mostCells = 4_000_000
const mostModels = 1_000
/** Of this share of the limit or more there is nothing to spare for shadows. */
const shadowShare = 0.5

interface Chosen {
  readonly model: ModelVersionRecord
  readonly route: PredictAnswer['route']
  readonly shadow: ModelVersionRecord | null
}

export class PredictGateway implements PredictService {
  readonly #deps: PredictGatewayDeps
  readonly #limits = new Map<string, AdaptiveLimit>()
  readonly #overloads = new WeakMap<AdaptiveLimit, AppError>()
  #cells = 0

  constructor(deps: PredictGatewayDeps) {
    this.#deps = deps
  }

  /** By model. */
  get limits(): ReadonlyMap<string, Pick<AdaptiveLimit, 'limit' | 'underWay'>> {
    return this.#limits
  }

  refuse(name: string, remainingMs: number): void {
    const refusal = this.#limits.get(name)?.refusal(remainingMs) ?? null
    if (refusal !== null) throw this.#shed(refusal, name)
  }

  /** Cells of the rows that callers wait for. */
  get cells(): number {
    return this.#cells
  }

  overload(name: string): AppError | null {
    const limit = this.#limits.get(name)
    if (limit === undefined || !limit.isFull) return null
    this.#deps.metrics.shed.inc({ reason: 'full' })
    const known = this.#overloads.get(limit) ?? shedError('full', name)
    this.#overloads.set(limit, known)
    return known
  }

  async describe(
    query: Pick<PredictQuery, 'name' | 'version' | 'alias'>,
  ): Promise<{ readonly model: ModelVersionRecord; readonly signature: ModelSignature }> {
    const { routes, signatures } = this.#deps
    const model = isPinned(query)
      ? await routes.versionOf(query.name, versionNameOf(query))
      : (await routes.routeOf(query.name)).primary
    return { model, signature: await signatures.of(model) }
  }

  async predict(query: PredictQuery): Promise<PredictAnswer> {
    const { metrics, clock } = this.#deps
    const startedAt = clock.now()
    let version = 0
    try {
      const known = isPinned(query) ? null : this.#deps.routes.known(query.name)
      const chosen = known === null ? await this.#choose(query) : this.#side(known, query)
      version = chosen.model.version
      const signature = this.#deps.signatures.of(chosen.model)
      const rows = checked(signature instanceof Promise ? await signature : signature, query)
      const answer = await this.#ask(query, chosen, rows, startedAt)
      metrics.count(query.name, version, 'ok')
      this.#deps.scores?.observe(answer.model, answer.predictions)
      return answer
    } catch (error) {
      const code = isAppError(error) ? error.code : 'INTERNAL_ERROR'
      metrics.count(query.name, version, code)
      if (isAppError(error) && code === 'PREDICT_SHED') this.#countShed(error)
      throw error
    }
  }

  async #choose(query: PredictQuery): Promise<Chosen> {
    const { routes } = this.#deps
    if (!isPinned(query)) return this.#side(await routes.routeOf(query.name), query)
    const model = await routes.versionOf(query.name, versionNameOf(query))
    return { model, route: 'pinned', shadow: null }
  }

  #side(route: ModelRoute, { stickyKey }: PredictQuery): Chosen {
    const { random } = this.#deps
    const { shadow } = route
    const isShadowed = shadow !== null && random() * 100 < shadow.percent
    return { ...chooseSide(route, stickyKey, random), shadow: isShadowed ? shadow.version : null }
  }

  async #ask(
    query: PredictQuery,
    { model, route, shadow }: Chosen,
    rows: readonly CheckedRow[],
    startedAt: number,
  ): Promise<PredictAnswer> {
    const { client, clock, metrics } = this.#deps
    const limit = this.#limitOf(query.name)
    const cells = rows.length * (1 + (rows[0]?.length ?? 0))
    const refusal = limit.refusal(query.deadlineAt - startedAt)
    if (refusal !== null) throw shedError(refusal, query.name)
    if (this.#cells + cells > mostCells) throw shedError('memory', query.name)
    this.#cells += cells
    limit.begin()
    metrics.underWay.inc()
    let scored: Scored | null = null
    try {
      const { uri } = model
      const { predictions, computeMs, messageRows } = await client.call({
        uri,
        rows,
        deadlineAt: query.deadlineAt,
        signal: query.signal,
      })
      scored = { computeMs, messageRows }
      const tookMs = clock.now() - startedAt
      metrics.durations[route].observe(tookMs / 1_000)
      if (shadow !== null && shadow.version !== model.version)
        this.#deps.shadow.ask(
          { shadow, answeredBy: model, rows: query.rows, columns: query.columns, predictions },
          limit.underWay < shadowShare * limit.limit,
        )
      return { model, route, predictions, timing: { queueMs: Math.max(0, tookMs - computeMs), computeMs } }
    } finally {
      this.#cells -= cells
      metrics.underWay.dec()
      limit.end(clock.now(), scored)
    }
  }

  #limitOf(name: string): AdaptiveLimit {
    const known = this.#limits.get(name)
    if (known !== undefined) return known
    const limit = new AdaptiveLimit(this.#deps.clock.now())
    this.#limits.set(name, limit)
    if (this.#limits.size > mostModels)
      for (const [other, { underWay }] of this.#limits)
        if (underWay === 0 && other !== name) {
          this.#limits.delete(other)
          break
        }
    return limit
  }

  /** Refused before it became a query. */
  #shed(refusal: Refusal, name: string): AppError {
    this.#deps.metrics.shed.inc({ reason: refusal })
    return shedError(refusal, name)
  }

  #countShed({ details }: AppError): void {
    const reason = shedReasons.find((known) => known === details['reason']) ?? 'worker'
    this.#deps.metrics.shed.inc({ reason })
  }
}

const shedReasons = ['full', 'deadline', 'memory', 'queue_full', 'no_worker', 'stopping'] as const

const shedTexts = {
  full: 'as many predictions of this model wait as it can answer soon',
  deadline: 'the prediction would not be ready before its deadline',
  memory: 'too much waits for predictions',
} as const

const shedError = (reason: keyof typeof shedTexts, name: string): AppError =>
  new AppError('PREDICT_SHED', shedTexts[reason], { details: { reason, name } })

const isPinned = ({ version, alias }: Pick<PredictQuery, 'version' | 'alias'>): boolean =>
  version !== undefined || alias !== undefined

const versionNameOf = ({ version, alias }: Pick<PredictQuery, 'version' | 'alias'>) => ({
  ...(version === undefined ? {} : { version }),
  ...(alias === undefined ? {} : { alias }),
})

/** Rows that fit. Throws VALIDATION_ROW_INVALID with all that does not. */
function checked(signature: ModelSignature, { rows: given, columns }: PredictQuery): readonly CheckedRow[] {
  const { rows, problems } = checkRows(signature, given, columns)
  if (problems.length === 0) return rows
  throw new AppError('VALIDATION_ROW_INVALID', "the rows do not fit the model's signature", {
    details: { fields: problems as unknown as JsonValue },
  })
}
