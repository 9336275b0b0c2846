/**
 * Copies of requests for a version that answers nobody: its answers are compared with those that were given, counted, and
 * a sample of the differences is logged. A shadow never slows or fails a caller: it begins when the answer has been
 * given, and is left out while there is no room to spare.
 */
import { checkRows, type GivenRow, type Prediction } from '@celeriac/contracts'
import { messageOf, type Clock, type Instant, type JsonValue, type ModelVersionRecord } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { PredictClient } from './predict-client.ts'
import type { Signatures } from './signatures.ts'

export type ShadowOutcome = 'equal' | 'different' | 'failed' | 'dropped'

export interface ShadowDeps {
  readonly client: Pick<PredictClient, 'call'>
  readonly signatures: Pick<Signatures, 'of'>
  readonly clock: Clock
  readonly logger: Logger
  readonly onOutcome: (outcome: ShadowOutcome) => void
}

export interface ShadowRequest {
  readonly shadow: ModelVersionRecord
  readonly answeredBy: ModelVersionRecord
  readonly rows: readonly GivenRow[]
  readonly columns: readonly string[] | null
  readonly predictions: readonly Prediction[]
}

/** Numbers that are as near as this count as equal. */
const tolerance = 1e-6
const mostUnderWay = 32
/** Nobody waits for it, but it must end. */
const patienceMs = 10_000
const logEveryMs = 10_000

export class Shadow {
  readonly #deps: ShadowDeps
  #underWay = 0
  #log = { at: Number.NEGATIVE_INFINITY as Instant, unlogged: 0 }

  constructor(deps: ShadowDeps) {
    this.#deps = deps
  }

  /** Returns at once. @param hasRoom whether there is capacity to spare */
  ask(request: ShadowRequest, hasRoom: boolean): void {
    if (!hasRoom || this.#underWay >= mostUnderWay) {
      this.#deps.onOutcome('dropped')
      return
    }
    this.#underWay++
    // After the answer, which is on its way out in this turn of the event loop.
    setImmediate(() => {
      void this.#compare(request)
        .then((outcome) => this.#deps.onOutcome(outcome))
        .finally(() => {
          this.#underWay--
        })
    })
  }

  async #compare({ shadow, answeredBy, rows, columns, predictions }: ShadowRequest): Promise<ShadowOutcome> {
    const { client, signatures, clock } = this.#deps
    const fields = { model: shadow.name, shadow_version: shadow.version, version: answeredBy.version }
    try {
      const { rows: checked, problems } = checkRows(await signatures.of(shadow), rows, columns)
      const [problem] = problems
      if (problem !== undefined) {
        this.#note(
          { ...fields, path: problem.path, expected: problem.expected },
          'rows do not fit the shadow',
        )
        return 'failed'
      }
      const answer = await client.call({
        uri: shadow.uri,
        rows: checked,
        deadlineAt: clock.now() + patienceMs,
      })
      const row = answer.predictions.findIndex((prediction, index) => !isSame(prediction, predictions[index]))
      if (row === -1) return 'equal'
      const different = answer.predictions.filter(
        (prediction, index) => !isSame(prediction, predictions[index]),
      )
      this.#note(
        {
          ...fields,
          rows: predictions.length,
          different_rows: different.length,
          given: resultOf(predictions[row]),
          of_shadow: resultOf(answer.predictions[row]),
        },
        'the shadow answers differently',
      )
      return 'different'
    } catch (error) {
      this.#note({ ...fields, err: messageOf(error) }, 'the shadow gave no answer')
      return 'failed'
    }
  }

  /** One line every ten seconds, with the count of those left out. Results only: rows may be private. */
  #note(fields: Readonly<Record<string, unknown>>, message: string): void {
    const now = this.#deps.clock.now()
    if (now - this.#log.at < logEveryMs) {
      this.#log.unlogged++
      return
    }
    this.#deps.logger.info({ ...fields, unlogged: this.#log.unlogged }, message)
    this.#log = { at: now, unlogged: 0 }
  }
}

/** Whether two answers say the same, numbers up to a millionth. Pure. */
export function isSame(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (typeof one === 'number' && typeof other === 'number') return Math.abs(one - other) <= tolerance
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object')
    return one === other
  const [left, right] = [Object.entries(one), other as Readonly<Record<string, JsonValue>>]
  return left.length === Object.keys(other).length && left.every(([key, value]) => isSame(value, right[key]))
}

const resultOf = (prediction: Prediction | undefined): Readonly<Record<string, unknown>> => ({
  predict_result: prediction?.['predict_result'] ?? null,
  predict_probability: prediction?.['predict_probability'] ?? null,
})
