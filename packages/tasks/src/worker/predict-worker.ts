import { parkMalformed, type Topology } from '@celeriac/broker'
import {
  decodeTaskMessage,
  encodeJson,
  encodeOutcome,
  parseWith,
  predictTaskName,
  type TaskMessage,
} from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  maxMessageBytes,
  messageOf,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
  type Executor,
  type Instant,
  type JsonObject,
  type JsonValue,
  type OutgoingMessage,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { z } from 'zod'
import type { ResultPublisher } from './result-publisher.ts'

/** Scores rows; what the predict queue's tasks are handed to. Rejects with AppErrors that the caller is told. */
export type Predict = (request: {
  readonly modelUri: string
  readonly rows: readonly (JsonObject | readonly JsonValue[])[]
  readonly columns: readonly string[] | null
  readonly deadlineAt: Instant
}) => Promise<{ readonly predictions: readonly JsonObject[]; readonly model: JsonObject }>

/** An executor that also scores rows. */
export interface PredictExecutor extends Executor {
  readonly predict: Predict
}

export interface PredictWorkerOptions {
  readonly queue: string
  readonly executor: PredictExecutor
  readonly prefetch: number
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly clock: Clock
  readonly logger: Logger
  readonly worker: string
}

const kwargsSchema = z.looseObject({
  model_uri: z.string().min(1),
  rows: z.array(z.union([z.record(z.string(), z.json()), z.array(z.json())])).min(1),
  columns: z.array(z.string()).nullable().default(null),
})

/** For a caller that set no deadline. */
const defaultDeadlineMs = 30_000

/**
 * Answers predictions: calls with a deadline. Nothing here is tried twice: an answer that is late or lost is the
 * caller's deadline, and the caller decides. A worker that dies leaves its calls to another one, while they are in time.
 */
export class PredictWorker {
  readonly queue: string
  readonly #options: PredictWorkerOptions
  readonly #pending = new Set<Promise<void>>()
  #consumer: Consumer | null = null
  #isStopping = false

  constructor(options: PredictWorkerOptions) {
    this.queue = options.queue
    this.#options = options
  }

  /** Does nothing once the worker stops. */
  async start(): Promise<void> {
    if (this.#isStopping) return
    this.#consumer = await this.#options.broker.consume({
      queue: this.queue,
      prefetch: this.#options.prefetch,
      onDelivery: (delivery) => {
        const work = this.#handle(delivery).catch((err: unknown) => {
          this.#options.logger.error({ err }, 'a prediction was not answered')
          delivery.reject()
        })
        this.#pending.add(work)
        void work.finally(() => this.#pending.delete(work))
      },
    })
    if (this.#isStopping) await this.#consumer.cancel()
  }

  /** Takes no more calls; resolves when those taken are answered. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#consumer?.cancel()
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { broker, topology, publisher, logger, worker } = this.#options
    try {
      const message = decodeTaskMessage(delivery)
      const answer = await this.#answer(message)
      if (answer !== null && message.replyTo !== '') void publisher.send(answer)
      delivery.ack()
    } catch (error) {
      if (!isAppError(error)) throw error
      logger.warn({ err: error }, 'a malformed message is parked')
      const { correlationId = '', replyTo = '' } = delivery
      if (correlationId !== '' && replyTo !== '')
        void publisher.send(failureMessage(correlationId, replyTo, worker, error))
      await parkMalformed(broker, topology, delivery, error)
    }
  }

  /** The answer; null when nobody waits for one any more. Throws BROKER_MESSAGE_MALFORMED. */
  async #answer(message: TaskMessage): Promise<OutgoingMessage | null> {
    const { executor, clock, worker } = this.#options
    if (message.task !== predictTaskName) {
      const error = new AppError('TASK_ALGORITHM_NOT_FOUND', 'this queue takes predictions only', {
        details: { task: message.task, known: [predictTaskName] },
      })
      return failureMessage(message.id, message.replyTo, worker, error)
    }
    const kwargs = parseWith(kwargsSchema, message.kwargs, 'kwargs')
    const deadlineAt = message.expires === null ? Number.NaN : Date.parse(message.expires)
    if (deadlineAt <= clock.now()) return null
    try {
      const response = await executor.predict({
        modelUri: kwargs.model_uri,
        rows: kwargs.rows,
        columns: kwargs.columns,
        deadlineAt: Number.isNaN(deadlineAt) ? clock.now() + defaultDeadlineMs : deadlineAt,
      })
      return predictionMessage(message, worker, response)
    } catch (error) {
      const fault = isAppError(error) ? error : new AppError('INTERNAL_ERROR', messageOf(error))
      return failureMessage(message.id, message.replyTo, worker, fault)
    }
  }
}

function predictionMessage(
  message: TaskMessage,
  worker: string,
  response: { readonly predictions: readonly JsonObject[]; readonly model: JsonObject },
): OutgoingMessage {
  const answer: OutgoingMessage = {
    exchange: '',
    routingKey: message.replyTo,
    // The caller may be gone: that is its deadline, not a fault.
    mandatory: false,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    persistent: false,
    correlationId: message.id,
    body: encodeJson({
      task_id: message.id,
      status: 'SUCCESS',
      result: { ...response },
      traceback: null,
      children: [],
      worker,
    }),
  }
  if (answer.body.byteLength <= maxMessageBytes) return answer
  const error = new AppError(
    'BROKER_MESSAGE_TOO_LARGE',
    'the answer is larger than a message; send fewer rows',
    {
      details: { bytes: answer.body.byteLength, limit: maxMessageBytes },
    },
  )
  return failureMessage(message.id, message.replyTo, worker, error)
}

const failureMessage = (
  taskId: string,
  replyTo: string,
  worker: string,
  error: AppError,
): OutgoingMessage => ({
  ...encodeOutcome(
    taskId,
    replyTo,
    { worker, startedAt: null },
    {
      status: 'failed',
      failure: { code: error.code, message: error.message, details: error.details },
      retryable: error.retryable,
    },
  ),
  mandatory: false,
  persistent: false,
})
