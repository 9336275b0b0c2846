/** Answers on their way out: of handlers, and of whatever was thrown on the way. For Express's responses and Node's own. */
import type { AppError, JsonObject } from '@celeriac/core'
import { isAppError } from '@celeriac/core'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { defaultHttpTimes, type ApiDeps } from './api-deps.ts'
import { drainBody } from './drain-body.ts'
import { problemForm, type ErrorForm } from './error-form.ts'
import { sendStream } from './event-stream.ts'
import { measuredMethods } from './metrics.ts'
import { toAppError } from './problem-details.ts'
import { RefusalLog } from './refusal-log.ts'
import type { Route, RouteAnswer } from './route.ts'

/** What is known of a request while it is answered. */
export interface RequestFacts {
  requestId?: string
  /** Pattern of the route; absent: none matched. */
  route?: string
  errorForm?: ErrorForm | undefined
  /** When its headers had arrived, by `performance.now()`. */
  startedAt?: number
  /** When a stream began, by `performance.now()`. */
  answeredAt?: number
}

/** `locals` is where Express keeps such facts. */
export type FactualResponse = ServerResponse & { locals: RequestFacts }

const requestIdPattern = /^[\w.-]{1,64}$/

/** Gives the requests of an interface their ids, and measures them when they end. */
export function requestBeginner(
  deps: ApiDeps,
): (request: IncomingMessage, response: FactualResponse) => void {
  // One listener for all of them.
  function onClose(this: FactualResponse): void {
    measure(this, deps)
  }
  return (request, response) => {
    const given = request.headers['x-request-id']
    response.locals.requestId =
      typeof given === 'string' && requestIdPattern.test(given) ? given : deps.newId()
    response.locals.startedAt = performance.now()
    response.on('close', onClose)
  }
}

const headersWith = (requestId: string): Record<string, string> => ({
  'x-request-id': requestId,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
})

/** What every answer has. */
const commonHeaders = ({ locals }: FactualResponse): Record<string, string> =>
  headersWith(locals.requestId ?? '')

/** An answer without a body. Header by header: `writeHead` would announce a body of unknown length. */
export function sendEmpty(
  response: FactualResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
): void {
  response.statusCode = status
  for (const [name, value] of Object.entries({ ...commonHeaders(response), ...headers }))
    response.setHeader(name, value)
  response.end()
}

export async function sendAnswer(
  answered: RouteAnswer,
  exchange: {
    readonly request: IncomingMessage
    readonly response: FactualResponse
    readonly signal: AbortSignal
    readonly deps: ApiDeps
  },
): Promise<void> {
  const { status, body, isDoubleJson, stream } = answered
  const { request, response, deps } = exchange
  const headers = Object.assign(commonHeaders(response), retryAfter(status), answered.headers)
  // A body that nobody asked for may never end; its sender gets the answer, not the connection.
  if (!request.complete) headers['connection'] = 'close'
  if (stream !== undefined && request.method !== 'HEAD') {
    response.locals.answeredAt = performance.now()
    const { readerStallMs } = deps.times ?? defaultHttpTimes
    response.writeHead(status, headers)
    await sendStream(response, stream, { signal: exchange.signal, stallMs: readerStallMs })
  } else if (body === undefined) sendEmpty(response, status, headers)
  else if (typeof body === 'string' || body instanceof Uint8Array) {
    headers['content-length'] = String(Buffer.byteLength(body))
    response.writeHead(status, headers).end(body)
  } else {
    const json = JSON.stringify(body)
    const text = isDoubleJson === true ? JSON.stringify(json) : json
    sendText(response, status, headers, { contentType: 'application/json', text })
  }
}

/** The one place where errors become answers. */
export function errorSender(
  deps: ApiDeps,
): (thrown: unknown, request: IncomingMessage, response: FactualResponse) => Promise<void> {
  const refusals = new RefusalLog(deps)
  return async (thrown, request, response) => {
    const error = toAppError(thrown)
    const { requestId = '' } = response.locals
    logFailure(error, isAppError(thrown) ? error : thrown, requestId, deps)
    // Half an answer cannot be taken back; a broken connection at least does not look like a whole one.
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (error.status === 401)
      refusals.add({ address: request.socket.remoteAddress ?? 'unknown', code: error.code, requestId })
    // A sender that was waited for in vain is not waited for again.
    if (error.code !== 'VALIDATION_BODY_TIMEOUT') await drainBody(request)
    const form = response.locals.errorForm ?? problemForm
    const status = form.statusOf(error.code)
    const headers = Object.assign(commonHeaders(response), retryAfter(status, error.details))
    // What is still left of the body would be taken for the next request.
    if (!request.complete) headers['connection'] = 'close'
    if (status === 401) headers['www-authenticate'] = 'Bearer realm="celeriac"'
    const text = JSON.stringify(form.bodyOf(error, requestId))
    sendText(response, status, headers, { contentType: form.contentType, text })
  }
}

/** An answer that is sent again and again: all of it but the request's id. */
interface PreparedAnswer {
  readonly status: number
  /** Names and values in turn, as Node takes them fastest. */
  readonly headers: readonly string[]
  /** The body, in the parts between the places of the id. */
  readonly parts: readonly string[]
  /** Of the body without ids. */
  readonly bytes: number
}

const overloadAnswers = new WeakMap<AppError, Map<ErrorForm, PreparedAnswer>>()
const idPlace = '00000000-0000-0000-0000-000000000000'

function prepare(error: AppError, form: ErrorForm): PreparedAnswer {
  const status = form.statusOf(error.code)
  const parts = JSON.stringify(form.bodyOf(error, idPlace)).split(idPlace)
  const { 'x-request-id': _id, ...headers } = Object.assign(
    headersWith(''),
    retryAfter(status, error.details),
    { 'content-type': `${form.contentType}; charset=utf-8` },
  )
  return { status, headers: Object.entries(headers).flat(), parts, bytes: Buffer.byteLength(parts.join('')) }
}

/** As `errorSender`, of an error that is the same for thousands of requests a second. */
export function sendOverload(error: AppError, { errorForm, path }: Route, response: FactualResponse): void {
  const form = errorForm ?? problemForm
  response.locals.route = path
  let forms = overloadAnswers.get(error)
  if (forms === undefined) overloadAnswers.set(error, (forms = new Map()))
  let prepared = forms.get(form)
  if (prepared === undefined) forms.set(form, (prepared = prepare(error, form)))
  // Ids are of ASCII.
  const { requestId: id = '' } = response.locals
  const { status, headers, parts, bytes } = prepared
  const length = String(bytes + (parts.length - 1) * id.length)
  response.writeHead(status, ['x-request-id', id, ...headers, 'content-length', length]).end(parts.join(id))
}

function logFailure(error: AppError, err: unknown, requestId: string, { logger }: ApiDeps): void {
  if (error.status < 500) return
  // Under load these are every answer but a few: the metrics count them, and to log them would add to the load.
  const isOrdinary = error.code === 'PREDICT_SHED' || error.code === 'PREDICT_DEADLINE'
  const level = isOrdinary ? 'debug' : error.retryable ? 'warn' : 'error'
  if (!isOrdinary || logger.isLevelEnabled('debug'))
    logger[level]({ request_id: requestId, code: error.code, err }, 'request failed')
}

/**
 * A body of text in UTF-8; the type that a handler has given already stays. All headers at once, and the body with them:
 * one by one they cost more than a prediction.
 */
function sendText(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  { contentType, text }: { readonly contentType: string; readonly text: string },
): void {
  headers['content-type'] ??= `${contentType}; charset=utf-8`
  headers['content-length'] = String(Buffer.byteLength(text))
  response.writeHead(status, headers).end(text)
}

/** When to try again, in seconds: limits need runs to end, a full disk somebody to make room. */
const retryAfterS: Readonly<Record<number, number>> = { 429: 5, 503: 1, 507: 30 }

/** The header that every answer of one of these statuses has. */
export function retryAfter(status: number, details: JsonObject = {}): Readonly<Record<string, string>> {
  const told = details['retry_after_s']
  const seconds = typeof told === 'number' ? told : retryAfterS[status]
  return seconds === undefined ? {} : { 'retry-after': String(seconds) }
}

function measure(response: FactualResponse, deps: ApiDeps): void {
  // A stream lasts as long as its client likes: what counts is when it began.
  const { startedAt = 0, answeredAt = performance.now(), route = 'none', requestId } = response.locals
  const durationMs = answeredAt - startedAt
  const method = knownMethod(response.req.method ?? '')
  const { statusCode: status } = response
  deps.observeRequest?.({ method, route, status, durationMs })
  if (deps.logger.isLevelEnabled('debug'))
    deps.logger.debug(
      { request_id: requestId, method, route, status, duration_ms: Math.round(durationMs) },
      'request answered',
    )
}

const knownMethod = (method: string): string =>
  measuredMethods.some((known) => known === method) ? method : 'other'
