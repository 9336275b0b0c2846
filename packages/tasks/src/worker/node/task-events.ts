import type { Clock, JsonObject } from '@celeriac/core'
import type { ResultPublisher } from '../result-publisher.ts'
import type { LamportClock } from './lamport-clock.ts'

export type TaskEventType =
  | 'task-received'
  | 'task-started'
  | 'task-succeeded'
  | 'task-failed'
  | 'task-retried'
  | 'task-rejected'
  | 'task-revoked'

type TaskEvent = JsonObject & { readonly type: TaskEventType }

export interface TaskEventsOptions {
  readonly nodeName: string
  readonly exchange: string
  readonly publisher: ResultPublisher
  readonly logicalClock: LamportClock
  readonly clock: Clock
  /** Sends from the start (`-E`). */
  readonly isEnabled: boolean
}

/** Events in one message at most; Celery's own. */
const batchLimit = 24

/**
 * Celery's task events. Those of one turn of the event loop go out together, as `task.multi`: a list. They may be lost;
 * nothing waits for them.
 */
export class TaskEvents {
  readonly #options: TaskEventsOptions
  #isEnabled: boolean
  #batch: TaskEvent[] = []

  constructor(options: TaskEventsOptions) {
    this.#options = options
    this.#isEnabled = options.isEnabled
  }

  get isEnabled(): boolean {
    return this.#isEnabled
  }

  /** Tells whether this changes anything. */
  enable(isEnabled: boolean): boolean {
    const isNew = this.#isEnabled !== isEnabled
    this.#isEnabled = isEnabled
    return isNew
  }

  /** The fields are made only when somebody may listen. */
  send(type: TaskEventType, uuid: string, fields?: () => JsonObject): void {
    if (!this.#isEnabled) return
    const { nodeName, clock, logicalClock } = this.#options
    if (this.#batch.length === 0) setImmediate(() => this.#flush())
    this.#batch.push({
      type,
      uuid,
      ...fields?.(),
      hostname: nodeName,
      timestamp: clock.now() / 1_000,
      utcoffset: 0,
      pid: process.pid,
      clock: logicalClock.forward(),
    })
  }

  #flush(): void {
    const events = this.#batch
    this.#batch = []
    for (let from = 0; from < events.length; from += batchLimit)
      this.#publish(events.slice(from, from + batchLimit))
  }

  #publish(events: readonly TaskEvent[]): void {
    const { publisher, exchange, nodeName } = this.#options
    const [only] = events
    const isOne = events.length === 1 && only !== undefined
    void publisher.send({
      exchange,
      routingKey: isOne ? only.type.replace('-', '.') : 'task.multi',
      mandatory: false,
      persistent: false,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: { hostname: nodeName },
      body: Buffer.from(JSON.stringify(isOne ? only : events)),
    })
  }
}
