import type { Declaration, Instant, JsonValue, OutgoingMessage, QueueSpec } from '@celeriac/core'
import type { PublishStep } from '../../canvas/canvas-step.ts'
import type { MessageCodec } from '../../message/message-codec.ts'
import type { TaskObject } from '../../message/task-value.ts'
import type { ResultBackend } from '../../result/result-backend.ts'
import type { TaskRegistry } from './registered-task.ts'

/** A remote control command of the user's own; its answer is sent as it is. */
export type UserControlCommand = (given: TaskObject) => JsonValue | Promise<JsonValue>

/** What a worker needs of an application: its tasks, and how it sends and stores. */
export interface TaskApp {
  readonly tasks: TaskRegistry
  /** Started and stopped by the worker. */
  readonly backend: ResultBackend
  readonly codec: MessageCodec
  /** Where and how a call goes: routes, serializer, delays. */
  readonly messageOf: (step: PublishStep, now: Instant) => OutgoingMessage
  /** Queues that are more than a name, by their names: declared so where they do not exist. */
  readonly queueDeclarations?: ReadonlyMap<string, Declaration>
  /** Type of the queues that tasks wait in until they are due. @default `quorum` */
  readonly delayQueueType?: QueueSpec['type']
  readonly controlCommands?: ReadonlyMap<string, UserControlCommand>
  /** Store the call with its result, as Celery's `result_extended`. @default false */
  readonly resultExtended?: boolean
  /** What follows a task inherits its priority (`task_inherit_parent_priority`). @default false */
  readonly inheritPriority?: boolean
  /** For `inspect conf`; without secrets. */
  readonly conf?: Readonly<Record<string, JsonValue>>
}
