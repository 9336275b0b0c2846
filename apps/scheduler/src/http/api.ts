import { AppError, isRole } from '@celeriac/core'
import express, { type ErrorRequestHandler } from 'express'
import type { IncomingMessage, RequestListener } from 'node:http'
import { defaultHttpTimes, type ApiDeps } from './api-deps.ts'
import type { Caller } from '../accounts/caller.ts'
import {
  errorSender,
  requestBeginner,
  sendAnswer,
  sendOverload,
  sendEmpty,
  type FactualResponse,
} from './answer-sender.ts'
import { createGate, createGlance } from './authenticate.ts'
import { formOfPath } from '../protocols/error-forms.ts'
import { clientAddress } from './client-address.ts'
import { hasArrived } from './body-readers.ts'
import { directRoutes, RouteMatch } from './direct-routes.ts'
import { OverloadQueue } from './overload-queue.ts'
import { guardedStream } from './guarded-stream.ts'
import { recordChange } from './record-change.ts'
import { allowedMethods, methodNotAllowed, routesByPath } from './methods.ts'
import type { RouteAnswer } from './route.ts'
import { routes } from './routes/index.ts'

/**
 * The HTTP interface: the route table of `routes/`, served. Each request passes, in this order: request id → gate
 * (who may call) → path, query and body schemas → handler → answer; whatever is thrown on the way becomes an answer in
 * one place, RFC 9457 unless the route has another form. A path that is not in the table needs a token too, so that the
 * table cannot be probed.
 */
export function createApi(deps: ApiDeps): RequestListener {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  const pass = createGate(deps.accounts.authenticator)
  const glance = createGlance(deps.accounts.authenticator)
  const routesOf = routesByPath(routes)
  const serve = async (
    match: RouteMatch,
    request: IncomingMessage,
    response: FactualResponse,
    known: Caller | null = null,
  ): Promise<void> => {
    const { route } = match
    response.locals.route = route.path
    response.locals.errorForm = route.errorForm
    const caller = known ?? (await pass(request, route.access))
    const exchange = new Exchange(request, response, caller, deps)
    const answered = await answer(match, exchange)
    const { stream } = answered
    if (stream === undefined || caller === null) return sendAnswer(answered, exchange)
    // It may last longer than the right to it.
    const guard = { pass: () => pass(request, route.access), clock: deps.clock }
    await sendAnswer({ ...answered, stream: guardedStream(stream, guard) }, exchange)
  }

  const sendError = errorSender(deps)
  const begin = requestBeginner(deps)
  app.use((request, response, next) => {
    begin(request, response as FactualResponse)
    next()
  })
  for (const route of routes) {
    const paths = [route.path, ...(route.alsoAt ?? [])].map(expressPath)
    app[route.method](paths, async (request, response) => {
      const { params, query } = request
      const match = new RouteMatch(route, params, { ...query })
      await serve(match, request, response as unknown as FactualResponse)
    })
  }
  app.use(async (request, response) => {
    const known = routesOf(request.path)
    const open = known.find(({ access }) => !isRole(access))
    response.locals['errorForm'] = known[0]?.errorForm ?? formOfPath(request.path)
    await pass(request, open?.access ?? 'anyone')
    const { method, path } = request
    if (known.length === 0)
      throw new AppError('NOT_FOUND_ROUTE', 'there is no such route', { details: { method, path } })
    const allow = allowedMethods(known)
    if (method !== 'OPTIONS') {
      response.set('allow', allow)
      throw methodNotAllowed(method, allow)
    }
    sendEmpty(response as unknown as FactualResponse, 204, { allow })
  })
  // Express tells it by its four parameters.
  app.use(((thrown, request, response, _next) => {
    // A path that cannot be decoded was never given to its route.
    if (response.locals['route'] === undefined)
      response.locals['errorForm'] ??= routesOf(request.path)[0]?.errorForm
    return sendError(thrown, request, response as FactualResponse)
  }) as ErrorRequestHandler)

  const matchDirect = directRoutes(routes)
  const overloads = new OverloadQueue()
  return (request, response) => {
    const match = matchDirect(request)
    if (match === null) {
      app(request, response)
      return
    }
    const factual = Object.assign(response, { locals: {} })
    begin(request, factual)
    const proceed = (known: Caller | null): void => {
      serve(match, request, factual, known).catch((thrown: unknown) => sendError(thrown, request, factual))
    }
    if (match.route.overload === undefined) proceed(null)
    // A small body has arrived by then: no need to wait for one that nobody will look at.
    else
      queueMicrotask(() => {
        // Who is not known goes the long way, and is told so there.
        const known = glance(request, match.route.access)
        const isTold = known !== null && hasArrived(request)
        const overload = isTold ? match.route.overload?.(match.given, deps) : null
        if (overload === undefined || overload === null) proceed(known)
        else overloads.add(() => sendOverload(overload, match.route, factual))
      })
  }
}

/** One request and its answer. */
class Exchange {
  readonly request: IncomingMessage
  readonly response: FactualResponse
  readonly caller: Caller | null
  readonly deps: ApiDeps
  #ended: AbortController | null = null

  constructor(request: IncomingMessage, response: FactualResponse, caller: Caller | null, deps: ApiDeps) {
    this.request = request
    this.response = response
    this.caller = caller
    this.deps = deps
  }

  /** Aborts when the answer has ended, or its connection. Made for those who ask: most handlers do not. */
  get signal(): AbortSignal {
    if (this.#ended === null) {
      const ended = new AbortController()
      this.#ended = ended
      if (this.response.closed) ended.abort()
      else this.response.once('close', () => ended.abort())
    }
    return this.#ended.signal
  }
}

async function answer(match: RouteMatch, exchange: Exchange): Promise<RouteAnswer> {
  const { route } = match
  const { params, query } = match.input
  const { request, caller, deps } = exchange
  route.refuse?.({ params, query, headers: request.headers }, deps)
  if (route.takesWork === true) await deps.intake.require()
  const body =
    route.body === undefined ? undefined : await route.body.read(request, deps.times ?? defaultHttpTimes)
  const address = clientAddress(request, deps.isBehindProxy === true)
  const input = {
    params,
    query,
    body,
    headers: request.headers,
    request,
    get signal() {
      return exchange.signal
    },
    caller,
    address,
  }
  if (route.takesWork !== true && route.audit === undefined) return route.handle(input, deps)
  const handle = async (): Promise<RouteAnswer> => route.handle(input, deps)
  const answered = await (route.takesWork === true ? deps.intake.watch(handle()) : handle())
  await recordChange(route, { params, answered, caller, address }, deps)
  return answered
}

/** `{id}` of the table is `:id` of Express. */
const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')
