import { AppError, maxMessageBytes, type Broker, type OutgoingMessage } from '@celeriac/core'
import type { CanvasStep, PublishStep, StoreStep } from '../../canvas/canvas-step.ts'
import { completeChord } from '../../canvas/complete-chord.ts'
import type { CurrentTask } from '../../canvas/plan-draft.ts'
import type { TaskCall } from '../../message/task-call.ts'
import type { StoredResult } from '../../result/result-backend.ts'
import type { SignatureDict } from '../../canvas/signature-dict.ts'
import type { ResultPublisher } from '../result-publisher.ts'
import type { DelayedReturn } from './delayed-return.ts'
import type { TaskApp } from './task-app.ts'
import { Abandoned, patiently, pause, type PatientOptions, type ResultWriter } from './result-writer.ts'

/**
 * DESIGN
 *
 * Carries the steps of a plan out, in order, each until it is done for good: a message is confirmed, a result stored, a
 * part counted. Only then the caller acknowledges the task; a worker that dies before leads to the same steps once more,
 * with the same ids. Consecutive publications go out together.
 */
export interface StepRunnerOptions extends PatientOptions {
  readonly app: TaskApp
  readonly broker: Broker
  readonly delays: DelayedReturn
  readonly publisher: ResultPublisher
  readonly writer: ResultWriter
  readonly nodeName: string
  /** Calls an errback of this process. */
  readonly callErrback: (
    step: Extract<CanvasStep, { kind: 'call_errback' }>,
    about: StepsAbout,
  ) => Promise<void>
}

/** On whose behalf. */
export interface StepsAbout {
  readonly call: TaskCall
  readonly queue: string
  readonly current: CurrentTask
  readonly newId: () => string
}

export class StepRunner {
  readonly #options: StepRunnerOptions

  constructor(options: StepRunnerOptions) {
    this.#options = options
  }

  /** @throws Abandoned; AppError when something cannot be written: nothing of its step has happened then. */
  async run(steps: readonly CanvasStep[], about: StepsAbout): Promise<void> {
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as CanvasStep
      if (step.kind !== 'publish') {
        await this.#perform(step, about)
        continue
      }
      const batch: PublishStep[] = [step]
      for (let next = steps[index + 1]; next?.kind === 'publish'; next = steps[++index + 1]) batch.push(next)
      await this.#publish(batch, about)
    }
  }

  async #perform(step: Exclude<CanvasStep, PublishStep>, about: StepsAbout): Promise<void> {
    const { backend } = this.#options.app
    switch (step.kind) {
      case 'store':
        return this.#options.writer.store(this.#storedResult(step, about))
      case 'return_part':
        return this.#returnPart(step, about)
      case 'call_errback':
        return this.#options.callErrback(step, about)
      case 'save_group':
        return patiently(() => backend.saveGroup(step.groupId, step.result), this.#options)
      case 'set_chord_size':
        return patiently(() => backend.setChordSize(step.groupId, step.size), this.#options)
      case 'grow_chord':
        return patiently(() => backend.growChord(step.groupId, step.members), this.#options)
      case 'end_chord':
        return patiently(() => backend.endChord(step.groupId, step.outcome), this.#options)
    }
  }

  async #publish(steps: readonly PublishStep[], { call }: StepsAbout): Promise<void> {
    const { app, clock, logger } = this.#options
    const messages = steps.map((step) => sendable(app.messageOf(step, clock.now())))
    const reports = await Promise.all(messages.map((message) => this.#deliver(message, call.id)))
    for (const [index, report] of reports.entries()) {
      if (report === 'abandoned') throw new Abandoned()
      if (report === 'unroutable')
        logger.error(
          { task_id: call.id, published: steps[index]?.call.task, queue: messages[index]?.routingKey },
          'what follows a task has no queue; it is lost',
        )
    }
  }

  /** A queue that does not exist yet is made, as Celery does (`task_create_missing_queues`). */
  async #deliver(given: OutgoingMessage, taskId: string): Promise<'confirmed' | 'unroutable' | 'abandoned'> {
    const { publisher, broker, delays } = this.#options
    const about = { task_id: taskId }
    const message = await patiently(() => delays.prepared(given), this.#options)
    const report = await publisher.deliver(message, about)
    if (report !== 'unroutable' || message.exchange !== '') return report
    await broker.declare({ queues: [{ name: message.routingKey, type: 'classic' }] })
    return publisher.deliver(message, about)
  }

  #storedResult(step: StoreStep, { call, queue }: StepsAbout): StoredResult {
    const { app, clock, nodeName } = this.#options
    return {
      replyTo: step.replyTo,
      meta: {
        task_id: step.taskId,
        status: step.state,
        result: step.result,
        traceback: step.traceback,
        children: step.children,
        date_done: new Date(clock.now()).toISOString().replace('Z', '+00:00'),
        group_id: step.groupId,
        parent_id: step.parentId,
        ...(app.resultExtended === true && step.taskId === call.id ? extended(call, nodeName, queue) : {}),
      },
    }
  }

  async #returnPart(step: Extract<CanvasStep, { kind: 'return_part' }>, about: StepsAbout): Promise<void> {
    const { app, clock, abandoned, logger } = this.#options
    const { part, body } = step
    if (!app.backend.hasChords) {
      logger.error({ task_id: part.taskId, backend: app.backend.name }, 'this result backend has no chords')
      return
    }
    for (;;) {
      const progress = await patiently(() => app.backend.addChordPart(part), this.#options)
      if (progress.kind === 'waiting' || progress.kind === 'ended') return
      if (progress.kind === 'claimed') {
        await pause(progress.retryAfterMs, clock, abandoned)
        continue
      }
      const header = await patiently(() => app.backend.findGroup(part.groupId), this.#options)
      const chord = { groupId: part.groupId, parts: progress.parts, body, header }
      const context = { newId: about.newId, replyTo: app.backend.replyTo, current: about.current }
      return this.run(completeChord(chord, context, this.isInline), about)
    }
  }

  /** Whether this worker calls an errback itself. */
  readonly isInline = (errback: SignatureDict): boolean =>
    this.#options.app.tasks.find(errback.task)?.takesFailure === true
}

/** @throws AppError BROKER_MESSAGE_TOO_LARGE, before it could spoil a batch */
function sendable(message: OutgoingMessage): OutgoingMessage {
  const bytes = message.body.byteLength
  if (bytes <= maxMessageBytes) return message
  throw new AppError('BROKER_MESSAGE_TOO_LARGE', 'what follows a task is larger than a message may be', {
    details: { bytes, limit: maxMessageBytes },
  })
}

const extended = (call: TaskCall, worker: string, queue: string): Partial<StoredResult['meta']> => ({
  name: call.task,
  args: call.args,
  kwargs: call.kwargs,
  worker,
  retries: call.retries,
  queue,
  ...(call.stampedHeaders === null ? {} : { stamped_headers: call.stampedHeaders, stamps: call.stamps }),
})
