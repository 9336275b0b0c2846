import type { Delivery, Instant, JsonObject, JsonValue } from '@celeriac/core'
import { pythonRepr } from '../../message/python-repr.ts'
import type { TaskCall } from '../../message/task-call.ts'
import type { ResultTuple } from '../../result/task-meta.ts'
import type { KillReason, RunningJob } from '../pool/task-pool.ts'
import type { RegisteredTask } from './registered-task.ts'

const nothing = (): void => {}

/** A task that this worker holds: where it stands, and the deliveries that brought it. */
export class ReceivedTask {
  readonly call: TaskCall
  /** The attempt: deliveries of the same one are one task. */
  readonly key: string
  readonly task: RegisteredTask
  readonly queue: string
  readonly deliveries: Delivery[]
  readonly children: ResultTuple[] = []
  readonly #nodeName: string
  /** `leaving`: it does not run here; the refusal is being told, or the message is on its way back to the broker. */
  state: 'scheduled' | 'reserved' | 'active' | 'leaving' = 'reserved'
  startedAt: Instant | null = null
  isAcknowledged = false
  running: RunningJob | null = null
  /** Ends the wait of a scheduled task. */
  cancelTimer: () => void = nothing

  constructor(call: TaskCall, task: RegisteredTask, delivery: Delivery, nodeName: string) {
    this.call = call
    this.key = keyOf(call)
    this.task = task
    this.queue = delivery.queue
    this.deliveries = [delivery]
    this.#nodeName = nodeName
  }

  get isRedelivered(): boolean {
    return this.deliveries.some(({ redelivered }) => redelivered)
  }

  /** Another delivery of it: after a reconnect the broker delivers again what it has not seen acknowledged. */
  attach(delivery: Delivery): void {
    if (this.isAcknowledged) delivery.ack()
    else this.deliveries.push(delivery)
  }

  acknowledge(how: 'ack' | 'reject' | 'requeue'): void {
    if (this.isAcknowledged) return
    this.isAcknowledged = true
    for (const delivery of this.deliveries) delivery[how]()
  }

  kill(reason: KillReason): void {
    this.running?.kill(reason)
  }

  /** As Celery's `inspect scheduled` shows it; 6 is the priority of Celery's timer. */
  scheduledInfo(): JsonObject {
    return { eta: this.call.eta, priority: 6, request: this.info() }
  }

  /** As Celery's `inspect` shows it. */
  info(): JsonObject {
    const { call, queue } = this
    const [delivery] = this.deliveries
    return {
      id: call.id,
      name: call.task,
      args: jsonOr(call.args, () => pythonRepr(call.args, { isTuple: true })),
      kwargs: jsonOr(call.kwargs, () => pythonRepr(call.kwargs)),
      type: call.task,
      hostname: this.#nodeName,
      time_start: this.startedAt === null ? null : this.startedAt / 1_000,
      acknowledged: this.isAcknowledged,
      delivery_info: {
        exchange: delivery?.exchange ?? '',
        routing_key: queue,
        priority: call.priority,
        redelivered: this.isRedelivered,
      },
      worker_pid: this.running === null ? null : this.running.pid,
    }
  }
}

/**
 * What tells one attempt from another. A retry has the id of its task, and so has whatever replaces it: without the nesting,
 * the replacement would count as one more delivery of the task that it replaces, and be acknowledged with it.
 */
export const keyOf = ({
  id,
  retries,
  replacedTaskNesting,
}: Pick<TaskCall, 'id' | 'retries' | 'replacedTaskNesting'>): string =>
  `${id}/${retries}/${replacedTaskNesting}`

/** Values that JSON has no form for are shown as Python would. */
function jsonOr(value: unknown, text: () => string): JsonValue {
  try {
    return JSON.parse(JSON.stringify(value)) as JsonValue
  } catch {
    return text()
  }
}
