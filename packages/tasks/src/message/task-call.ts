import type { SignatureDict } from '../canvas/signature-dict.ts'
import type { TaskObject, TaskValue } from './task-value.ts'

/**
 * One task message, protocol v2, decoded: what a producer says and a worker reads. `encodeTaskCall` and
 * `decodeTaskCall` are the only places that know headers and body. Absent is null, never undefined.
 */
export interface TaskCall {
  readonly id: string
  readonly task: string
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
  /** The first task of the workflow; the id itself for a root. */
  readonly rootId: string
  /** The task that published this one. */
  readonly parentId: string | null
  readonly group: string | null
  readonly groupIndex: number | null
  readonly retries: number
  /** ISO 8601 with time zone. */
  readonly eta: string | null
  readonly expires: string | null
  /** Seconds: [hard, soft], in this order on the wire. */
  readonly timelimit: readonly [hard: number | null, soft: number | null]
  /** Display name for logs and monitors. */
  readonly shadow: string | null
  readonly origin: string | null
  /** Arguments as monitors show them; without one they are made from the arguments. Set it to keep those private. */
  readonly argsrepr?: string | null
  readonly kwargsrepr?: string | null
  readonly ignoreResult: boolean
  readonly replacedTaskNesting: number
  readonly stampedHeaders: readonly string[] | null
  readonly stamps: TaskObject
  /** Headers that the protocol does not name (`headers` of `applyAsync`, and each stamp); kept on a retry. */
  readonly headers: TaskObject
  /** Queue of the rpc backend; null: nobody waits there. */
  readonly replyTo: string | null
  /** Of the message: 0 … 255; 0 unless set. */
  readonly priority: number
  /** AMQP properties beyond those that the protocol uses: `app_id`, `message_id`, `type`. Others are not sent. */
  readonly properties: Readonly<Record<string, string>>
  readonly callbacks: readonly SignatureDict[] | null
  readonly errbacks: readonly SignatureDict[] | null
  /** What follows, in reverse: the next step is the last element. */
  readonly chain: readonly SignatureDict[] | null
  /** Body of the chord that this task is a header member of. */
  readonly chord: SignatureDict | null
}

/** How a call is put on the wire and where it goes. */
export interface TaskRoute {
  /** '' is the default exchange: the routing key names the queue. */
  readonly exchange: string
  readonly routingKey: string
  /** `json`, `msgpack` or `yaml`. */
  readonly serializer: string
  /** `gzip`, `zstd` or `brotli`; null: none. */
  readonly compression: string | null
}
