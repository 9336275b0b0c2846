import { parkMalformed, type Topology } from '@celeriac/broker'
import {
  decodeModelChanged,
  decodeModelsRouted,
  encodeModelsWanted,
  isModelChanged,
  isModelsRouted,
  predictTaskName,
  type ModelChanged,
} from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  messageOf,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
  type Executor,
  type OutgoingMessage,
} from '@celeriac/core'
import { newId, within, type Logger } from '@celeriac/runtime'
import { failureMessage, predictionMessage } from './prediction-answers.ts'
import { receivedTaskOf, type ReceivedCall, type ReceivedTask } from './prediction-call.ts'
import { lostWorkersOf, mostLostWorkers, notedCopy, workersLost } from './returned-calls.ts'

/** Scores rows; what the predict queue's tasks are handed to. Rejects with AppErrors that the caller is told. */
export type Predict = (call: ReceivedCall) => Promise<PredictAnswer>

/** What a call is answered with. */
export interface PredictAnswer {
  readonly predictions: readonly object[]
  readonly model: { readonly name: string }
  /** Who scored them: `native` or `python`. */
  readonly runtime: string
  readonly timing: { readonly queueMs: number; readonly computeMs: number; readonly batchRows: number }
}

/** What answers predictions. The worker starts and stops it. */
export interface PredictRuntime extends Pick<Executor, 'name' | 'start' | 'stop'> {
  readonly predict: Predict
  /** Told which versions the traffic of a model goes to now: to have them ready. Must not reject. */
  readonly route?: (routed: {
    readonly name: string
    readonly uris: readonly string[]
    /** Versions that are not to stay in memory. */
    readonly unload: readonly string[]
  }) => Promise<void>
}

export interface PredictWorkerOptions {
  readonly queue: string
  readonly runtime: PredictRuntime
  /** Calls taken at a time. */
  readonly prefetch: number
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly worker: string
}

/** How long a new worker waits to hear from a scheduler which models are asked for. */
const hearMs = 250
/** An ack is with the broker so long after it was given: it is sent in the next turn of the loop. */
const ackSentMs = 100
/** How long it loads those before it takes calls. Where it is the only worker, nobody serves meanwhile. */
const warmUpMs = 2_000

/**
 * Answers predictions: calls with a deadline. A call is acked when the broker has its answer: a worker that dies before
 * leaves its calls to another one, while they are in time, three times at most (`returned-calls.ts`). Nothing else is
 * tried twice here: an answer that is late or lost is the caller's deadline, and the caller decides.
 */
export class PredictWorker {
  readonly queue: string
  readonly #options: PredictWorkerOptions
  readonly #pending = new Set<Promise<void>>()
  #calls: Consumer | null = null
  #changes: Consumer | null = null
  #isStopping = false
  /** Loads of models that were heard of. */
  readonly #loads = new Set<Promise<void>>()
  #onHeard: () => void = () => {}
  /** Copies of calls that came back, which the broker has not confirmed yet. */
  readonly #notings = new Set<Promise<boolean>>()

  constructor(options: PredictWorkerOptions) {
    this.queue = options.queue
    this.#options = options
  }

  /** Does nothing once the worker stops. Calls are taken when what traffic is routed to is loaded, or soon after. */
  async start(): Promise<void> {
    if (this.#isStopping) return
    const { logger } = this.#options
    await this.#listen()
    if (this.#loads.size === 0) return this.#take()
    void this.#warmUp()
      .then(() => this.#take())
      .catch((err: unknown) => logger.error({ err }, 'the predict worker takes no calls'))
  }

  async #warmUp(): Promise<void> {
    const { clock, logger } = this.#options
    const loads = Promise.all(this.#loads).then(() => true)
    const isWarm = (await within(warmUpMs, loads, clock)) === true
    if (!isWarm) logger.warn('models are still being loaded; calls for them wait')
  }

  async #take(): Promise<void> {
    if (this.#isStopping) return
    const { broker, prefetch, logger } = this.#options
    this.#calls = await broker.consume({
      queue: this.queue,
      prefetch,
      onDelivery: (delivery) => {
        const work = this.#handle(delivery).catch((err: unknown) => {
          logger.error({ err }, 'a prediction was not answered')
          delivery.reject()
        })
        this.#pending.add(work)
        void work.finally(() => this.#pending.delete(work))
      },
    })
    if (this.#isStopping) await this.#cancel()
  }

  /** Takes no more calls; resolves when those taken are answered. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#cancel()
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  async #cancel(): Promise<void> {
    await Promise.all([this.#calls?.cancel(), this.#changes?.cancel()])
  }

  /** Hears which models are routed to, so that they are warm before their first request; waits for a first answer. */
  async #listen(): Promise<void> {
    const { broker, topology, clock, queue, runtime, logger } = this.#options
    if (runtime.route === undefined) return
    const name = `${queue}.changes.${newId()}`
    await broker.declarePrivateQueue({
      name,
      bindings: [{ exchange: topology.modelExchange, routingKey: '' }],
    })
    const heard = new Promise<void>((resolve) => (this.#onHeard = resolve))
    const ask = (): void => {
      const question = encodeModelsWanted(topology.modelExchange, name)
      broker
        .publish([question])
        .catch((err: unknown) => logger.warn({ err }, 'schedulers were not asked which models they serve'))
    }
    this.#changes = await broker.consume({
      queue: name,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => {
        try {
          if (isModelChanged(delivery)) this.#route([decodeModelChanged(delivery)])
          if (!isModelsRouted(delivery)) return
          this.#route(decodeModelsRouted(delivery))
          this.#onHeard()
        } catch (err) {
          logger.warn({ err }, 'a change of a model cannot be read')
        }
      },
      // What was told while the subscription was lost did not reach this worker.
      onState: (state) => {
        if (state === 'active') ask()
      },
    })
    await within(hearMs, heard, clock)
  }

  #route(models: readonly ModelChanged[]): void {
    const { runtime } = this.#options
    for (const { name, load, unload } of models) {
      const uris = load.map(({ uri }) => uri)
      const loading = runtime.route?.({ name, uris, unload: unload ?? [] }) ?? Promise.resolve()
      this.#loads.add(loading)
      void loading.finally(() => this.#loads.delete(loading))
    }
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { broker, clock } = this.#options
    let received: ReceivedTask
    try {
      received = receivedTaskOf(delivery, clock.now())
    } catch (error) {
      if (!isAppError(error)) throw error
      return this.#park(delivery, error)
    }
    const lostWorkers = lostWorkersOf(delivery)
    if (received.call !== null && lostWorkers > 0) {
      if (delivery.redelivered && (await this.#isNoted(delivery, received.call))) return
      await this.#untilAcked()
    }
    const answer = await this.#answer(received, lostWorkers)
    // The broker redelivers what it has not confirmed when the connection broke; the ack does nothing then.
    if (answer !== null && answer.routingKey !== '') await broker.publish([answer])
    delivery.ack()
  }

  /** True: a copy, which says how many workers the call has outlived, takes its place. A full queue takes none. */
  async #isNoted(delivery: Delivery, { deadlineAt }: ReceivedCall): Promise<boolean> {
    const { broker, clock } = this.#options
    const now = clock.now()
    if (deadlineAt <= now || lostWorkersOf(delivery) >= mostLostWorkers) return false
    const noting = broker.publish([notedCopy(delivery, { deadlineAt, now })]).then(([outcome]) => {
      if (outcome === 'confirmed') delivery.ack()
      return outcome === 'confirmed'
    })
    this.#notings.add(noting)
    return noting.finally(() => this.#notings.delete(noting))
  }

  /** Copies may come before their originals are acked. Rows that end this process must not take the acks with them. */
  async #untilAcked(): Promise<void> {
    await Promise.allSettled(this.#notings)
    await new Promise<void>((resolve) => void this.#options.clock.after(ackSentMs, resolve))
  }

  async #park(delivery: Delivery, error: AppError): Promise<void> {
    const { broker, topology, logger, worker } = this.#options
    logger.warn({ err: error }, 'a malformed message is parked')
    const { correlationId = '', replyTo = '' } = delivery
    if (correlationId !== '' && replyTo !== '')
      broker
        .publish([failureMessage(correlationId, replyTo, worker, error)])
        .catch((err: unknown) => logger.warn({ err }, 'the sender of a malformed message was not told'))
    await parkMalformed(broker, topology, delivery, error)
  }

  /** The answer to a call, or to another task (null); null when nobody waits for one any more. */
  async #answer(received: ReceivedTask, lostWorkers: number): Promise<OutgoingMessage | null> {
    const { runtime, clock, worker } = this.#options
    const { id, task, replyTo, call } = received
    if (call === null) {
      const error = new AppError('TASK_ALGORITHM_NOT_FOUND', 'this queue takes predictions only', {
        details: { task, known: [predictTaskName] },
      })
      return failureMessage(id, replyTo, worker, error)
    }
    if (call.deadlineAt <= clock.now()) return null
    if (lostWorkers >= mostLostWorkers) return failureMessage(id, replyTo, worker, workersLost(lostWorkers))
    try {
      return predictionMessage(received, worker, await runtime.predict(call))
    } catch (error) {
      const fault = isAppError(error) ? error : new AppError('INTERNAL_ERROR', messageOf(error))
      return failureMessage(id, replyTo, worker, fault)
    }
  }
}
