import type { AppError, ErrorCode, Role } from '@celeriac/core'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { z } from 'zod'
import type { Caller } from '../accounts/caller.ts'
import type { AuditAction } from '../accounts/audit-trail.ts'
import type { ApiDeps, HttpTimes } from './api-deps.ts'
import type { ErrorForm } from './error-form.ts'

/**
 * Who may call a route: the least role that is needed, with the scope of that role. `public` answers anyone; `loopback`
 * answers this machine without a token, others as viewers. There is no default: a route that does not say does not compile.
 */
export type Access = 'public' | 'loopback' | Role

/** What a body of one media type holds. `any`: every sequence of bytes is looked at; `file`: a form with one file. */
export type BodyContent = z.ZodType | 'any' | 'file'

/** How a route takes its body: the accepted types for the OpenAPI document, and the reading itself. */
export interface BodyReader<B> {
  readonly content: Readonly<Record<string, BodyContent>>
  readonly required: boolean
  /** Throws VALIDATION_BODY_INVALID, VALIDATION_BODY_TOO_LARGE, VALIDATION_BODY_TIMEOUT or VALIDATION_CONTENT_TYPE. */
  read(request: IncomingMessage, times: HttpTimes): Promise<B>
}

export interface RouteInput<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly headers: IncomingHttpHeaders
  /** For handlers that take their body as a stream. */
  readonly request: IncomingMessage
  /** Aborts when the answer has ended, or its connection. */
  readonly signal: AbortSignal
  /** Null on public routes, and on loopback. */
  readonly caller: Caller | null
  /** The sender's end of the connection. */
  readonly address: string
}

/** Of a route that takes changes: what the audit log says when one was made. */
export interface AuditSpec {
  readonly action: AuditAction
  /** Id or name of what was changed. */
  target(params: Readonly<Record<string, unknown>>, answer: Readonly<Record<string, unknown>>): unknown
}

/**
 * What a handler answers. A string body, or bytes, are sent as they are, with the content type of `headers`; a stream chunk by chunk, as
 * fast as the client reads; all else as JSON.
 */
export interface RouteAnswer {
  readonly status: number
  readonly body?: unknown
  /** The body is sent as JSON text inside of a JSON text: clients of the articles may want it so. */
  readonly isDoubleJson?: boolean
  readonly stream?: AsyncIterable<string | Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer without `schema` and `contentType` has no body. */
export interface AnswerSpec {
  readonly description: string
  readonly schema?: z.ZodType
  /** Content type of answers that are not JSON. */
  readonly contentType?: string
  /** Content type of the same answer with parts of it in binary, where clients can ask for that. */
  readonly binaryType?: string
  /** Of an answer that is a stream of events: what the data of each kind holds. */
  readonly events?: Readonly<Record<string, z.ZodType>>
  /** What `Location` names, where the answer has one. */
  readonly location?: string
}

/** Chapters of the OpenAPI document. */
export const routeTags = {
  dags: 'DAG documents: check, register, read. A registered version never changes.',
  runs: 'Executions of a DAG version: submit, watch, cancel, run again; logs and outputs of their operators.',
  tasks: 'Training and batch predictions, and every run as a task: state, progress, result.',
  schedules: 'DAGs and plain tasks that are started at set times, and what became of each due time.',
  datasets: 'Files that DAGs read, by number (`data_id`).',
  algorithms: 'What an operator may do: manifests with ports and parameters.',
  models: 'Deployed model versions, and synchronous predictions.',
  inference: 'The same predictions by the Open Inference Protocol V2 and as MLflow’s scoring server.',
  fleet: 'Workers and queues as they are now.',
  accounts: 'Users, logins, API tokens, and the log of who did what.',
  articles: 'The iris system of the articles, in its own shapes: accounts, the table, train, predict.',
  service: 'Health, metrics, retention and this document.',
} as const
export type RouteTag = keyof typeof routeTags

/** Request headers that mean something to the route, by name. */
export type HeaderSpec = Readonly<
  Record<string, { readonly description: string; readonly schema: z.ZodType }>
>

/** What was in a URL. */
export interface GivenUrl {
  readonly params: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
}

export interface RouteSpec<P, Q, B> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** OpenAPI form: `/api/v1/runs/{id}`. */
  readonly path: string
  /** Other spellings of the path. The OpenAPI document leaves them out. */
  readonly alsoAt?: readonly string[]
  readonly operationId: string
  readonly tag: RouteTag
  readonly summary: string
  /** What the summary has no room for; Markdown. */
  readonly description?: string
  readonly access: Access
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly headers?: HeaderSpec
  readonly body?: BodyReader<B>
  readonly answers: Readonly<Record<number, AnswerSpec>>
  /** Codes that this route may answer beyond those that any route may. */
  readonly errors: readonly ErrorCode[]
  /** What errors look like; default: problem details. */
  readonly errorForm?: ErrorForm
  /**
   * Takes new work in: refused while the platform cannot take any, and given up when the database does not answer; so it
   * may answer STORE_FULL and BROKER_UNAVAILABLE as well.
   */
  readonly takesWork?: boolean
  /** Called so often that it is found without a router; only in the very spelling of its path. @default false */
  readonly isDirect?: boolean
  /** Throws to refuse a request before its body is read: where that costs next to nothing. */
  refuse?(input: Pick<RouteInput<P, Q, B>, 'params' | 'query' | 'headers'>, deps: ApiDeps): void
  /**
   * The error that answers any request now of whoever may use the route, whatever it asks for: given before anything
   * else is looked at, so that refusals leave the machine to those that are answered. Of direct routes alone; path and
   * query are as they were given, not checked yet.
   */
  overload?(given: GivenUrl, deps: ApiDeps): AppError | null
  /** Left out where nothing is changed, and where the service behind the route records by itself. */
  readonly audit?: AuditSpec
  handle(input: RouteInput<P, Q, B>, deps: ApiDeps): Promise<RouteAnswer> | RouteAnswer
}

/** A row of the route table, with the types of its parts forgotten. */
export type Route = RouteSpec<unknown, unknown, unknown>

/** Ties the schemas of a route to its handler's types. */
export function defineRoute<P = undefined, Q = undefined, B = undefined>(spec: RouteSpec<P, Q, B>): Route {
  return spec as unknown as Route
}
