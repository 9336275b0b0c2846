import { decodeJson, encodeTaskMessage, parseWith, predictTaskName } from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  isErrorCode,
  type Broker,
  type Clock,
  type Delivery,
  type JsonObject,
  type JsonValue,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import { newId } from '@celeriac/runtime'
import { z } from 'zod'
import type { PredictRequest } from './http/api-deps.ts'

const answerSchema = z.discriminatedUnion('status', [
  z.looseObject({
    status: z.literal('SUCCESS'),
    result: z.looseObject({ predictions: z.array(z.record(z.string(), z.json())) }),
  }),
  z.looseObject({
    status: z.literal('FAILURE'),
    result: z.looseObject({
      code: z.string().optional(),
      message: z.string().optional(),
      details: z.record(z.string(), z.json()).optional(),
    }),
  }),
])

interface Waiting {
  readonly resolve: (predictions: readonly JsonObject[]) => void
  readonly reject: (error: AppError) => void
  readonly cancelTimer: () => void
}

/** Requests that wait for an answer at a time; more are shed. */
const mostWaiting = 1_000

/**
 * Synchronous predictions as calls over the broker: a Celery task with the request's deadline as its time to live, the
 * answer on a private reply queue, matched by correlation id. What is not answered by its deadline is PREDICT_DEADLINE.
 */
export class PredictClient {
  readonly #deps: { broker: Broker; topology: Topology; clock: Clock; name: string }
  readonly #replyTo: string
  readonly #waiting = new Map<string, Waiting>()

  constructor(deps: { broker: Broker; topology: Topology; clock: Clock; name: string }) {
    this.#deps = deps
    this.#replyTo = `${deps.topology.executorQueue('predict')}.reply.${deps.name}`
  }

  async start(): Promise<void> {
    const { broker } = this.#deps
    await broker.declarePrivateQueue({ name: this.#replyTo, bindings: [] })
    await broker.consume({
      queue: this.#replyTo,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onAnswer(delivery),
    })
  }

  async stop(): Promise<void> {
    for (const id of this.#waiting.keys())
      this.#settle(id)?.reject(new AppError('PREDICT_SHED', 'the scheduler is stopping'))
  }

  async predict(request: PredictRequest): Promise<readonly JsonObject[]> {
    const { broker, topology, clock, name } = this.#deps
    const remainingMs = Math.floor(request.deadlineAt - clock.now())
    if (remainingMs <= 0) throw deadlinePassed()
    if (this.#waiting.size >= mostWaiting)
      throw new AppError('PREDICT_SHED', 'too many predictions are waiting')
    const id = newId()
    const answer = new Promise<readonly JsonObject[]>((resolve, reject) => {
      const cancelTimer = clock.after(remainingMs, () => this.#settle(id)?.reject(deadlinePassed()))
      this.#waiting.set(id, { resolve, reject, cancelTimer })
    })
    const kwargs: JsonObject = {
      model_uri: request.model.uri,
      rows: request.rows as readonly JsonValue[],
      columns: request.columns,
    }
    const message = encodeTaskMessage(
      {
        id,
        task: predictTaskName,
        args: [],
        kwargs,
        rootId: id,
        parentId: null,
        replyTo: this.#replyTo,
        retries: 0,
        timelimit: [remainingMs / 1_000, null],
        eta: null,
        expires: new Date(request.deadlineAt).toISOString(),
        origin: name,
        expirationMs: remainingMs,
      },
      topology.executorQueue('predict'),
    )
    // Not awaited: while the broker is away a publish takes longer than most deadlines.
    broker.publish([{ ...message, persistent: false }]).then(
      ([outcome]) => {
        // 'unknown' may have arrived: the deadline decides.
        if (outcome === 'rejected' || outcome === 'unroutable')
          this.#settle(id)?.reject(new AppError('PREDICT_SHED', 'the queue of predictions is full'))
      },
      (error: unknown) =>
        this.#settle(id)?.reject(
          isAppError(error)
            ? error
            : new AppError('BROKER_UNAVAILABLE', 'the request was not sent', { cause: error }),
        ),
    )
    return answer
  }

  #onAnswer(delivery: Delivery): void {
    const waiting = this.#settle(delivery.correlationId ?? '')
    if (waiting === undefined) return
    try {
      const answer = parseWith(answerSchema, decodeJson(delivery.body), 'answer')
      if (answer.status === 'SUCCESS') {
        waiting.resolve(answer.result.predictions)
        return
      }
      const { code = 'TASK_FAILED', message = 'the prediction failed', details = {} } = answer.result
      waiting.reject(new AppError(isErrorCode(code) ? code : 'TASK_FAILED', message, { details }))
    } catch (error) {
      waiting.reject(
        isAppError(error)
          ? error
          : new AppError('INTERNAL_ERROR', 'the answer cannot be read', { cause: error }),
      )
    }
  }

  #settle(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.cancelTimer()
    return waiting
  }
}

const deadlinePassed = (): AppError =>
  new AppError('PREDICT_DEADLINE', 'the prediction was not ready before its deadline')
