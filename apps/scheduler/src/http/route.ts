import type { ErrorCode } from '@celeriac/core'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { z } from 'zod'
import type { ApiDeps } from './api-deps.ts'

/**
 * Who may call a route. Everything needs a token unless the table says otherwise:
 * `public` answers anyone; `loopback` answers this machine without a token, others with one.
 */
export type Access = 'public' | 'loopback' | 'token'

/** How a route takes its body: the accepted types for the OpenAPI document, and the reading itself. */
export interface BodyReader<B> {
  readonly content: Readonly<Record<string, z.ZodType | 'text' | 'binary'>>
  readonly required: boolean
  /** Throws VALIDATION_BODY_INVALID, VALIDATION_BODY_TOO_LARGE or VALIDATION_CONTENT_TYPE. */
  read(request: IncomingMessage): Promise<B>
}

export interface RouteInput<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly headers: IncomingHttpHeaders
  /** For handlers that take their body as a stream. */
  readonly request: IncomingMessage
}

/** What a handler answers. A string body is sent as it is, with the content type of `headers`; all else as JSON. */
export interface RouteAnswer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface AnswerSpec {
  readonly description: string
  readonly schema?: z.ZodType
  /** Content type of answers that are not JSON. */
  readonly contentType?: string
}

/** Request headers that mean something to the route, by name. */
export type HeaderSpec = Readonly<
  Record<string, { readonly description: string; readonly schema: z.ZodType }>
>

export interface RouteSpec<P, Q, B> {
  readonly method: 'get' | 'post'
  /** OpenAPI form: `/api/v1/runs/{id}`. */
  readonly path: string
  readonly operationId: string
  readonly tag: string
  readonly summary: string
  readonly access: Access
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly headers?: HeaderSpec
  readonly body?: BodyReader<B>
  readonly answers: Readonly<Record<number, AnswerSpec>>
  /** Codes that this route may answer beyond those that any route may. */
  readonly errors: readonly ErrorCode[]
  handle(input: RouteInput<P, Q, B>, deps: ApiDeps): Promise<RouteAnswer> | RouteAnswer
}

/** A row of the route table, with the types of its parts forgotten. */
export type Route = RouteSpec<unknown, unknown, unknown>

/** Ties the schemas of a route to its handler's types. */
export function defineRoute<P = undefined, Q = undefined, B = undefined>(spec: RouteSpec<P, Q, B>): Route {
  return spec as unknown as Route
}
