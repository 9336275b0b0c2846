/**
 * The call of a predict worker: the Celery task `celeriac.predict`, which any Celery client may send as well. It stands
 * on the hot path of every prediction, so its body is put together as text: the rows of many requests, each encoded
 * once, become the rows of one message.
 */
import type { Delivery, JsonObject, JsonValue, OutgoingMessage } from '@celeriac/core'
import { decodeJson } from '../messages/json-body.ts'
import { leaseHeader, predictTaskName } from '../messages/names.ts'
import { versionHeader } from '../messages/versions.ts'

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

/** A call as its worker reads it. Rows are not looked at. */
export interface PlainPredictCall {
  readonly id: string
  readonly replyTo: string
  readonly modelUri: string
  readonly rows: readonly JsonValue[]
  readonly columns: readonly string[] | null
  /** ISO 8601, or null. */
  readonly expires: string | null
}

/**
 * Reads a call that has nothing odd about it, as those of schedulers have not, without the schemas of tasks: those take
 * as long as the scoring. Null for all else, which `decodeTaskMessage` reads, or says what is wrong with it. Throws
 * BROKER_MESSAGE_MALFORMED when the body is not JSON.
 */
export function plainPredictCall({
  headers = {},
  contentType,
  replyTo = '',
  body,
}: Pick<Delivery, 'headers' | 'contentType' | 'replyTo' | 'body'>): PlainPredictCall | null {
  const { task, id, expires = null } = headers
  if (task !== predictTaskName || contentType !== 'application/json' || !hasPlainHeaders(headers)) return null
  const content = decodeJson(body)
  if (!Array.isArray(content) || content.length !== 3) return null
  const [args, kwargs, options] = content as readonly unknown[]
  if (!Array.isArray(args) || !isObject(kwargs) || !isObject(options)) return null
  const { model_uri: modelUri, rows, columns = null } = kwargs
  if (typeof modelUri !== 'string' || modelUri === '' || !Array.isArray(rows)) return null
  if (columns !== null && !isListOfTexts(columns)) return null
  return { id: id as string, replyTo, modelUri, rows, columns, expires: expires as string | null }
}

/** Whether `decodeTaskMessage` would find nothing wrong with them, nor anything that matters here but id and expiry. */
function hasPlainHeaders(headers: Readonly<Record<string, JsonValue>>): boolean {
  const { lang, id, retries = 0, timelimit = null } = headers
  return (
    typeof lang === 'string' &&
    typeof id === 'string' &&
    id !== '' &&
    id.length <= 255 &&
    Number.isSafeInteger(retries) &&
    (retries as number) >= 0 &&
    (timelimit === null || isTimeLimit(timelimit)) &&
    isTextOrNothing(headers['root_id']) &&
    isTextOrNothing(headers['parent_id']) &&
    isTextOrNothing(headers['eta']) &&
    isTextOrNothing(headers['expires']) &&
    isTextOrNothing(headers['origin']) &&
    headers[leaseHeader] === undefined &&
    headers[versionHeader] === undefined
  )
}

const isTextOrNothing = (value: JsonValue | undefined): boolean =>
  value === undefined || value === null || typeof value === 'string'

const isTimeLimit = (value: JsonValue): boolean =>
  Array.isArray(value) && value.length === 2 && isNumberOrNull(value[0]) && isNumberOrNull(value[1])

const isNumberOrNull = (value: unknown): boolean => value === null || Number.isFinite(value)

const isListOfTexts = (value: JsonValue): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
