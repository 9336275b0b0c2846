/**
 * The call of a predict worker: the Celery task `celeriac.predict`, which any Celery client may send as well. It stands
 * on the hot path of every prediction, so its body is put together as text: the rows of many requests, each encoded
 * once, become the rows of one message.
 */
import type { OutgoingMessage } from '@celeriac/core'
import { predictTaskName } from '../messages/names.ts'

export interface PredictCall {
  readonly id: string
  readonly modelUri: string
  /** JSON of each part's rows without the brackets around them: `[1,2],[3,4]`. None is empty. */
  readonly rowTexts: readonly string[]
  readonly replyTo: string
  readonly origin: string
  /** How long anybody waits for the answer, in milliseconds: the time to live of the message. */
  readonly remainingMs: number
  /** The same moment by the time of day, for other machines: milliseconds since the epoch. */
  readonly expiresAt: number
}

const encoder = new TextEncoder()
const noOptions = '{"callbacks":null,"errbacks":null,"chain":null,"chord":null}'
/** Bytes of a message's body beside its rows and its URI, at most. */
export const predictCallOverhead = 256

/** The AMQP message, for `queue` through the default exchange. Rows are lists in the order of the signature. */
export const encodePredictCall = (call: PredictCall, queue: string): OutgoingMessage => ({
  exchange: '',
  routingKey: queue,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  persistent: false,
  correlationId: call.id,
  replyTo: call.replyTo,
  expirationMs: call.remainingMs,
  headers: {
    lang: 'py',
    task: predictTaskName,
    id: call.id,
    root_id: call.id,
    parent_id: null,
    group: null,
    retries: 0,
    timelimit: [call.remainingMs / 1_000, null],
    eta: null,
    expires: new Date(call.expiresAt).toISOString(),
    argsrepr: '[]',
    kwargsrepr: "{'model_uri': …, 'rows': …, 'columns': …}",
    origin: call.origin,
  },
  body: encoder.encode(
    `[[],{"model_uri":${JSON.stringify(call.modelUri)},"rows":[${call.rowTexts.join(',')}],"columns":null},${noOptions}]`,
  ),
})
