/**
 * Predictions as calls over the broker: Celery tasks with a time to live, answered to a queue of this scheduler's own.
 *
 *   call ──▶ lane of its version ──▶ message (rows of many calls) ──▶ celeriac.predict ──▶ worker
 *                                                                                            │
 *   callers ◀── answer split again ◀── matched by correlation id ◀── private reply queue ◀───┘
 *
 * - A call to a quiet lane leaves at once. Where calls come side by side, those of one turn of the event loop go out
 *   together at its end. While as many messages are under way as the workers can take up, calls gather, so a message has
 *   the more rows the more is asked.
 * - A call ends once: by its answer, by its deadline, or when it cannot be delivered. What comes later is dropped.
 * - A message that failed is tried again in parts where rows may be at fault (`split-failed.ts`): nobody pays for the
 *   rows of another caller.
 * - A message that takes much longer than those of its version do may be with a worker that is frozen: where there is
 *   another worker it is sent once more, as far as few are. Whichever answers first counts.
 * - Predictions may be made twice, so what was under way when the connection broke is simply sent again.
 *
 * Why not RabbitMQ's direct reply-to: it saves a queue's hop, which a message of many rows shares anyway, but its address
 * ends with its channel, and it has to be consumed on the channel that publishes. A private queue has the same name after
 * a reconnect, so late answers of workers still arrive.
 */
import {
  decodePredictAnswer,
  encodePredictCall,
  predictCallOverhead,
  type CheckedRow,
  type Prediction,
} from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  maxMessageBytes,
  type Broker,
  type Clock,
  type Delivery,
  type Instant,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import { newId, systemClock } from '@celeriac/runtime'
import { asAppError, deadlinePassed, noWorker, queueFull, stopping, tooMuch } from './call-errors.ts'
import { CallLanes, isWanted, type CallLane, type Batch, type Call, type CallOutcome } from './call-lane.ts'
import { splitFailed, withRowsFrom } from './split-failed.ts'
import { WorkerPresence } from './worker-presence.ts'

export interface PredictClientDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  /** Name of this scheduler, unique among those alive. */
  readonly name: string
  /** Told of each message and the rows in it. */
  readonly onSent?: (rows: number) => void
  /** Bytes of all rows that are not answered yet; a call more is PREDICT_SHED. @default 128 MiB */
  readonly mostWaitingBytes?: number
}

export interface CallRequest {
  /** Of the deployment. */
  readonly uri: string
  readonly rows: readonly CheckedRow[]
  readonly deadlineAt: Instant
  readonly signal?: Pick<AbortSignal, 'aborted'> | undefined
}

export interface CallAnswer {
  readonly predictions: readonly Prediction[]
  /** Scoring in the worker, in milliseconds; of a message of many rows the whole of it. */
  readonly computeMs: number
  /** Rows of that message, those of other callers too. */
  readonly messageRows: number
}

/** More rows of one message would hold up the worker's other callers; large requests are split, and shared out. */
const mostRows = 256
/** Bytes of rows in a message: room for the answer, which is longer than its question for models of few inputs. */
const mostBytes = Math.floor((maxMessageBytes - predictCallOverhead) / 2)
/** Messages of a version under way for each worker: one being scored, one waiting in front of it. */
const perWorker = 2
const leastWindow = 2
/** Before a message is sent to another worker as well, in times that it takes to be overdue, and at least. */
const repeatFactor = 4
const leastRepeatMs = 500
/** Messages that may be repeated at once; a share of those answered are added. Under overload all are late. */
const mostRepeats = 32
const repeatShare = 0.05
/** Of JSON, over all versions: what it was read from takes a few times as much. 128 MiB. */
const mostWaiting = 134_217_728
const watchEveryMs = 1_000

export class PredictClient {
  readonly #deps: PredictClientDeps
  readonly #queue: string
  readonly #replyTo: string
  readonly #presence: WorkerPresence
  readonly #lanes = new CallLanes(mostRows)
  readonly #underWay = new Map<string, Batch>()
  #repeats = mostRepeats
  #waitingBytes = 0
  #wasLost = false
  #isStopped = false
  #cancelWatch: (() => void) | null = null

  constructor(deps: PredictClientDeps) {
    const { broker, topology, clock, name } = deps
    this.#deps = deps
    this.#queue = topology.executorQueue('predict')
    this.#replyTo = `${this.#queue}.reply.${name}`
    this.#presence = new WorkerPresence({
      broker,
      clock,
      queue: this.#queue,
      onDeserted: () => this.#failAll(noWorker()),
    })
  }

  /** Of rows that are not answered yet, as JSON. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  async start(): Promise<void> {
    const { broker } = this.#deps
    await broker.declarePrivateQueue({ name: this.#replyTo, bindings: [] })
    await broker.consume({
      queue: this.#replyTo,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onAnswer(delivery),
      onState: (state) => {
        if (state === 'lost') this.#wasLost = true
        else if (this.#wasLost) this.#sendAgain()
      },
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelWatch?.()
    this.#failAll(stopping())
  }

  /** Throws PREDICT_DEADLINE, PREDICT_SHED, and what the worker fails with. */
  async call(request: CallRequest): Promise<CallAnswer> {
    if (this.#isStopped) throw stopping()
    if (request.rows.length === 0) return { predictions: [], computeMs: 0, messageRows: 0 }
    const served = this.#presence.isServed()
    if (!(typeof served === 'boolean' ? served : await served)) throw noWorker()
    const text = JSON.stringify(request.rows)
    const bytes = Buffer.byteLength(text)
    if (request.rows.length <= mostRows && bytes <= mostBytes)
      return this.#enqueue(request, text.slice(1, -1), bytes, request.rows.length)
    return this.#callInParts(request, bytes)
  }

  /** Halves until the parts fit; a single row that does not fit is refused. */
  async #callInParts(request: CallRequest, bytes: number): Promise<CallAnswer> {
    const { rows } = request
    if (rows.length === 1)
      throw new AppError('BROKER_MESSAGE_TOO_LARGE', 'a row is larger than a message', {
        details: { bytes, limit: mostBytes },
      })
    const middle = Math.ceil(rows.length / 2)
    const [first, second] = await Promise.all([
      this.call({ ...request, rows: rows.slice(0, middle) }),
      this.call({ ...request, rows: rows.slice(middle) }).catch((error: unknown) => {
        throw isAppError(error) ? withRowsFrom(middle, error) : error
      }),
    ])
    return {
      predictions: [...first.predictions, ...second.predictions],
      computeMs: Math.max(first.computeMs, second.computeMs),
      messageRows: Math.max(first.messageRows, second.messageRows),
    }
  }

  async #enqueue(request: CallRequest, text: string, bytes: number, rows: number): Promise<CallAnswer> {
    const { clock } = this.#deps
    const remainingMs = Math.ceil(request.deadlineAt - clock.now())
    if (remainingMs <= 0) throw deadlinePassed()
    if (this.#waitingBytes + bytes > (this.#deps.mostWaitingBytes ?? mostWaiting)) throw tooMuch()
    this.#waitingBytes += bytes
    const outcome = await new Promise<CallOutcome>((resolve) => {
      const cancelDeadline = clock.after(remainingMs, () => call.settle({ error: deadlinePassed() }))
      const call: Call = {
        text,
        bytes,
        rows,
        deadlineAt: request.deadlineAt,
        signal: request.signal,
        isSettled: false,
        settle: (given) => {
          if (call.isSettled) return
          call.isSettled = true
          this.#waitingBytes -= bytes
          cancelDeadline()
          resolve(given)
        },
      }
      this.#addTo(request.uri, call)
    })
    if (!('error' in outcome)) return outcome
    // Too large may be the answer: of fewer rows it is smaller.
    if (outcome.error.code === 'BROKER_MESSAGE_TOO_LARGE' && rows > 1)
      return this.#callInParts(request, bytes)
    throw outcome.error
  }

  #addTo(uri: string, call: Call): void {
    const lane = this.#lanes.of(uri)
    lane.add(call)
    if (lane.isScheduled) return
    lane.isScheduled = true
    const leave = (): void => {
      lane.isScheduled = false
      this.#flush(lane)
    }
    if (lane.isQuiet) process.nextTick(leave)
    // At the end of this turn of the event loop: what else has arrived in it goes along.
    else setImmediate(leave)
  }

  #flush(lane: CallLane): void {
    const window = Math.max(leastWindow, perWorker * (this.#presence.workers ?? 1))
    while (lane.mayLeave(window)) {
      const calls = lane.take({ rows: lane.mostRows, bytes: mostBytes }).filter(isWanted)
      if (calls.length > 0) this.#send(lane, calls)
      else if (lane.isEmpty) break
    }
  }

  #send(lane: CallLane, calls: readonly Call[]): void {
    const { clock, onSent } = this.#deps
    const rows = calls.reduce((sum, call) => sum + call.rows, 0)
    const { overdueMs } = lane
    const batch: Batch = {
      id: newId(),
      lane,
      calls,
      rows,
      sentAt: clock.now(),
      isCounted: true,
      isPublishing: false,
      cancelOverdue: () => {},
    }
    lane.onSent(calls.length)
    this.#underWay.set(batch.id, batch)
    this.#publish(batch)
    // The message is on its way: whatever can be done meanwhile comes after.
    if (batch.isCounted) batch.cancelOverdue = clock.after(overdueMs, () => this.#onOverdue(batch, overdueMs))
    onSent?.(rows)
    this.#watchLater()
  }

  #publish(batch: Batch, isRepeat = false): void {
    const { broker, clock, name } = this.#deps
    const now = clock.now()
    const remainingMs = Math.ceil(Math.max(...batch.calls.map(({ deadlineAt }) => deadlineAt)) - now)
    if (remainingMs <= 0) {
      this.#end(batch, { error: deadlinePassed() })
      return
    }
    const message = encodePredictCall(
      {
        id: batch.id,
        modelUri: batch.lane.uri,
        rowTexts: batch.calls.map(({ text }) => text),
        replyTo: this.#replyTo,
        origin: name,
        remainingMs,
        // Read on another machine: by the time of day, whatever clock the wait here is measured by.
        expiresAt: systemClock.now() + remainingMs,
      },
      this.#queue,
    )
    batch.isPublishing = true
    // Not awaited: while the broker is away a publish takes longer than most deadlines.
    broker.publish([message]).then(
      ([outcome]) => {
        batch.isPublishing = false
        // 'unknown' may have arrived, and of a repeated message the first one: the deadline decides.
        const isRefused = outcome === 'rejected' || outcome === 'unroutable'
        if (isRefused && !isRepeat) this.#end(batch, { error: queueFull() })
      },
      (error: unknown) => this.#end(batch, { error: asAppError(error, 'the request was not sent') }),
    )
  }

  #onAnswer(delivery: Delivery): void {
    const batch = this.#underWay.get(delivery.correlationId ?? '')
    if (batch === undefined) return
    batch.lane.answered(this.#deps.clock.now() - batch.sentAt)
    this.#repeats = Math.min(mostRepeats, this.#repeats + repeatShare)
    try {
      const answer = decodePredictAnswer(delivery)
      if (answer.kind === 'failure') {
        this.#onFailure(batch, answer.error)
        return
      }
      const { predictions, timing } = answer
      if (predictions.length !== batch.rows)
        throw new AppError('INTERNAL_ERROR', 'the worker has not answered every row', {
          details: { rows: batch.rows, predictions: predictions.length },
        })
      batch.lane.scored(timing?.computeMs ?? 0)
      this.#close(batch)
      let from = 0
      for (const call of batch.calls) {
        const own = batch.calls.length === 1 ? predictions : predictions.slice(from, from + call.rows)
        from += call.rows
        call.settle({ predictions: own, computeMs: timing?.computeMs ?? 0, messageRows: batch.rows })
      }
    } catch (error) {
      this.#end(batch, { error: asAppError(error, 'the answer cannot be read') })
    }
  }

  #onFailure(batch: Batch, error: AppError): void {
    const { lane } = batch
    // Its answers are long: the next messages ask for fewer.
    if (error.code === 'BROKER_MESSAGE_TOO_LARGE')
      lane.mostRows = Math.max(1, Math.min(lane.mostRows, Math.floor(batch.rows / 2)))
    const { failed, again } = splitFailed(batch.calls, error)
    this.#close(batch)
    for (const { call, error: own } of failed) call.settle({ error: own })
    for (const part of again) {
      const calls = part.filter(isWanted)
      if (calls.length > 0) this.#send(lane, calls)
    }
  }

  #end(batch: Batch, outcome: CallOutcome): void {
    this.#close(batch)
    for (const call of batch.calls) call.settle(outcome)
  }

  /** It is not under way any more. */
  #close(batch: Batch): void {
    this.#underWay.delete(batch.id)
    batch.cancelOverdue()
    this.#release(batch)
  }

  /** It makes room in the window; its answer may still come. */
  #release(batch: Batch): void {
    if (!this.#underWay.has(batch.id) || batch.calls.every(({ isSettled }) => isSettled))
      this.#underWay.delete(batch.id)
    if (!batch.isCounted) return
    batch.isCounted = false
    batch.lane.underWay--
    this.#flush(batch.lane)
  }

  /** Its worker may be frozen, or just slow; another one may be neither. */
  #onOverdue(batch: Batch, overdueMs: number): void {
    const { clock } = this.#deps
    this.#release(batch)
    if (batch.lane.meanMs === null || !this.#underWay.has(batch.id)) return
    const waitMs = Math.max(leastRepeatMs, repeatFactor * overdueMs) - overdueMs
    batch.cancelOverdue = clock.after(waitMs, () => {
      const isOfUse = (this.#presence.workers ?? 0) > 1 && !batch.isPublishing && batch.calls.some(isWanted)
      if (!isOfUse || this.#repeats < 1) return
      this.#repeats--
      this.#publish(batch, true)
    })
  }

  /**
   * The connection was lost, and the answers to what was under way with it, or the messages themselves. What the broker
   * adapter has not sent yet it sends by itself.
   */
  #sendAgain(): void {
    this.#wasLost = false
    for (const batch of this.#underWay.values())
      if (!batch.calls.some(isWanted)) this.#close(batch)
      else if (!batch.isPublishing) this.#publish(batch)
  }

  /** First what waits, so that nothing of it is sent in the place of what ends. */
  #failAll(error: AppError): void {
    for (const lane of this.#lanes.values())
      while (!lane.isEmpty)
        for (const call of lane.take({ rows: mostRows, bytes: mostBytes })) call.settle({ error })
    for (const batch of this.#underWay.values()) this.#end(batch, { error })
  }

  /** While something is under way: are the workers still there? What nobody waits for any more is forgotten. */
  #watchLater(): void {
    if (this.#cancelWatch !== null || this.#isStopped) return
    this.#cancelWatch = this.#deps.clock.after(watchEveryMs, () => {
      this.#cancelWatch = null
      for (const batch of this.#underWay.values())
        if (batch.calls.every(({ isSettled }) => isSettled)) this.#close(batch)
      if (this.#underWay.size === 0) return
      this.#presence.watch()
      this.#watchLater()
    })
  }
}
