import { AppError, isAppError } from '@celeriac/core'
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express'
import type { ApiDeps } from './api-deps.ts'
import { createGate } from './authenticate.ts'
import { checkInput } from './check-input.ts'
import { drainBody } from './drain-body.ts'
import { problemDetailsOf, toAppError } from './problem-details.ts'
import type { Route, RouteAnswer } from './route.ts'
import { routes } from './routes/index.ts'

const requestIdPattern = /^[\w.-]{1,64}$/

/**
 * The HTTP interface: the route table of `routes/`, served. Each request passes, in this order: request id → gate
 * (who may call) → path, query and body schemas → handler → answer; whatever is thrown on the way becomes one RFC 9457
 * answer in one place. A path that is not in the table needs a token too, so that the table cannot be probed.
 */
export function createApi(deps: ApiDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  const pass = createGate(deps.token)

  app.use((request, response, next) => {
    const given = request.get('x-request-id') ?? ''
    const requestId = requestIdPattern.test(given) ? given : deps.newId()
    response.locals['requestId'] = requestId
    response.set({
      'x-request-id': requestId,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    measure(request, response, deps)
    next()
  })
  for (const route of routes) {
    app[route.method](expressPath(route.path), async (request, response) => {
      response.locals['route'] = route.path
      pass(request, route.access)
      send(response, await answer(route, request, deps))
    })
  }
  app.use((request) => {
    pass(request, 'token')
    throw new AppError('NOT_FOUND_ROUTE', 'there is no such route', {
      details: { method: request.method, path: request.path },
    })
  })
  app.use(errorHandler(deps))
  return app
}

async function answer(route: Route, request: Request, deps: ApiDeps): Promise<RouteAnswer> {
  const params = route.params === undefined ? undefined : checkInput(route.params, request.params, 'path')
  const query = route.query === undefined ? undefined : checkInput(route.query, { ...request.query }, 'query')
  const body = route.body === undefined ? undefined : await route.body.read(request)
  return route.handle({ params, query, body, headers: request.headers, request }, deps)
}

function send(response: Response, { status, body, headers }: RouteAnswer): void {
  response.status(status).set(headers ?? {})
  if (typeof body === 'string') response.end(body)
  else response.json(body)
}

/** `{id}` of the table is `:id` of Express. */
const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

function measure(request: Request, response: Response, deps: ApiDeps): void {
  const startedAt = performance.now()
  response.once('close', () => {
    const durationMs = performance.now() - startedAt
    const method = knownMethod(request.method)
    const { statusCode: status } = response
    const route = String(response.locals['route'] ?? 'none')
    deps.observeRequest?.({ method, route, status, durationMs })
    deps.logger.debug(
      {
        request_id: String(response.locals['requestId']),
        method,
        route,
        status,
        duration_ms: Math.round(durationMs),
      },
      'request answered',
    )
  })
}

const knownMethod = (method: string): string => (['GET', 'POST', 'HEAD'].includes(method) ? method : 'other')

/** The one place where errors become answers. Express tells it by its four parameters. */
const errorHandler =
  (deps: ApiDeps): ErrorRequestHandler =>
  async (thrown, request, response, _next) => {
    const error = toAppError(thrown)
    const requestId = String(response.locals['requestId'])
    if (error.status >= 500) {
      const level = error.retryable ? 'warn' : 'error'
      deps.logger[level](
        { request_id: requestId, code: error.code, err: isAppError(thrown) ? error : thrown },
        'request failed',
      )
    }
    // Half an answer cannot be taken back; a broken connection at least does not look like a whole one.
    if (response.headersSent) {
      response.destroy()
      return
    }
    await drainBody(request)
    // What is still left of the body would be taken for the next request.
    if (!request.complete) response.set('connection', 'close')
    if (error.status === 401) response.set('www-authenticate', 'Bearer realm="celeriac"')
    if (error.status === 503) response.set('retry-after', '1')
    response
      .status(error.status)
      .type('application/problem+json')
      .send(JSON.stringify(problemDetailsOf(error, requestId)))
  }
