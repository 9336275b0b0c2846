import { isErrorCode } from '@celeriac/core'
import { problemDetailsSchema } from '@celeriac/contracts/http'
import type { z } from 'zod'
import { CliFault } from '../cli-fault.ts'
import { exitReasonOf, type ExitReason } from '../exit-codes.ts'
import { receivedEvents } from './event-stream.ts'

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** JSON body; for others use `content`. */
  readonly body?: unknown
  readonly content?: { readonly type: string; readonly data: string | Blob }
  /** Default 30 s; null = no limit (uploads). */
  readonly timeoutMs?: number | null
}

const defaultTimeoutMs = 30_000
/** Streams have a heartbeat every 15 s. */
const silenceMs = 45_000

/** Calls of the HTTP interface. Answers are checked against the interface's schemas; errors become faults. */
export class ApiClient {
  readonly server: string
  readonly #token: string | null

  constructor(options: { readonly server: string; readonly token: string | null }) {
    this.server = options.server.replace(/\/+$/, '')
    this.#token = options.token
  }

  get<S extends z.ZodType>(path: string, schema: S, options: RequestOptions = {}): Promise<z.output<S>> {
    return this.#call('GET', path, schema, options)
  }

  post<S extends z.ZodType>(path: string, schema: S, options: RequestOptions = {}): Promise<z.output<S>> {
    return this.#call('POST', path, schema, options)
  }

  put<S extends z.ZodType>(path: string, schema: S, options: RequestOptions = {}): Promise<z.output<S>> {
    return this.#call('PUT', path, schema, options)
  }

  patch<S extends z.ZodType>(path: string, schema: S, options: RequestOptions = {}): Promise<z.output<S>> {
    return this.#call('PATCH', path, schema, options)
  }

  delete<S extends z.ZodType>(path: string, schema: S, options: RequestOptions = {}): Promise<z.output<S>> {
    return this.#call('DELETE', path, schema, options)
  }

  /** The bytes of an answer. Throws the server's fault, and `unavailable` when nothing arrives for 45 s. */
  async *download(path: string): AsyncGenerator<Uint8Array> {
    const silent = new AbortController()
    const watchdog = setTimeout(() => silent.abort(new Error('nothing arrives')), silenceMs)
    try {
      const response = await fetch(this.server + path, {
        headers: this.#authorization,
        signal: silent.signal,
      })
      if (response.status >= 400) throw faultOfAnswer(response.status, await bodyOf(response))
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        watchdog.refresh()
        yield chunk
      }
    } catch (cause) {
      throw cause instanceof CliFault ? cause : unreachable(this.server, cause)
    } finally {
      clearTimeout(watchdog)
      silent.abort()
    }
  }

  /**
   * Server-Sent Events, those that arrive together as one list. Ends with the answer; throws the server's fault, and
   * `unavailable` when the connection breaks or nothing arrives for 45 s.
   */
  async *stream<S extends z.ZodType>(
    path: string,
    schema: S,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<z.output<S>[]> {
    const silent = new AbortController()
    const watchdog = setTimeout(() => silent.abort(new Error('no heartbeat')), silenceMs)
    const stop = (): void => silent.abort(options.signal?.reason)
    options.signal?.addEventListener('abort', stop, { once: true })
    try {
      const response = await fetch(this.server + path, {
        headers: { accept: 'text/event-stream', ...this.#authorization },
        signal: silent.signal,
      })
      if (response.status >= 400) throw faultOfAnswer(response.status, await bodyOf(response))
      const type = response.headers.get('content-type') ?? ''
      if (response.body === null || !type.startsWith('text/event-stream'))
        throw new CliFault('internal', 'the server answered without a stream of events')
      yield* receivedEvents(response.body, schema, () => watchdog.refresh())
    } catch (cause) {
      if (cause instanceof CliFault) throw cause
      options.signal?.throwIfAborted()
      throw unreachable(this.server, cause)
    } finally {
      clearTimeout(watchdog)
      options.signal?.removeEventListener('abort', stop)
      silent.abort()
    }
  }

  get #authorization(): Record<string, string> {
    return this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }
  }

  async #call<S extends z.ZodType>(
    method: string,
    path: string,
    schema: S,
    options: RequestOptions,
  ): Promise<z.output<S>> {
    const { status, body } = await this.#send(method, path, options)
    if (status >= 400) throw faultOfAnswer(status, body)
    const parsed = schema.safeParse(body)
    if (parsed.success) return parsed.data
    throw new CliFault('internal', `the server's answer is not as expected; are both of the same version?`, {
      details: { path, issues: parsed.error.issues.slice(0, 3).map((issue) => issue.message) },
    })
  }

  async #send(
    method: string,
    path: string,
    options: RequestOptions,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const url = new URL(this.server + path)
    for (const [key, value] of Object.entries(options.query ?? {}))
      for (const item of value === undefined ? [] : [value].flat()) url.searchParams.append(key, String(item))
    const content =
      options.body === undefined
        ? options.content
        : { type: 'application/json', data: JSON.stringify(options.body) }
    const timeoutMs = options.timeoutMs === undefined ? defaultTimeoutMs : options.timeoutMs
    try {
      const response = await fetch(url, {
        method,
        headers: {
          accept: 'application/json',
          ...this.#authorization,
          ...(content === undefined ? {} : { 'content-type': content.type }),
          ...options.headers,
        },
        ...(content === undefined ? {} : { body: content.data, duplex: 'half' }),
        ...(timeoutMs === null ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      } as RequestInit)
      return { status: response.status, body: await bodyOf(response) }
    } catch (cause) {
      throw unreachable(this.server, cause)
    }
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text.slice(0, 500)
  }
}

function unreachable(server: string, cause: unknown): CliFault {
  const { name, cause: inner } = cause as { name?: string; cause?: { code?: string } }
  const why = name === 'TimeoutError' ? 'no answer in time' : (inner?.code ?? String(cause))
  return new CliFault('unavailable', `cannot reach the server at ${server} (${why})`, {
    hint: 'start one with `celeriac standalone`, or name it with --server or CELERIAC_SERVER',
    cause,
  })
}

function faultOfAnswer(status: number, body: unknown): CliFault {
  const parsed = problemDetailsSchema.safeParse(body)
  if (!parsed.success)
    return new CliFault(reasonOfStatus(status), `the server answered ${status} without saying why`)
  const { code, detail, problems = [], details = {} } = parsed.data
  const reason = isErrorCode(code) ? exitReasonOf(code) : reasonOfStatus(status)
  return new CliFault(reason, detail, {
    code,
    problems,
    details,
    ...(status === 401 && code !== 'AUTH_CREDENTIALS'
      ? {
          hint: 'pass the token with --token, CELERIAC_API_TOKEN, or (to a server on this machine) the data directory with CELERIAC_DATA_DIR; or log in with `celeriac login`',
        }
      : {}),
  })
}

const reasonOfStatus = (status: number): ExitReason => {
  if (status === 401 || status === 403) return 'denied'
  if (status === 404) return 'notFound'
  if (status === 409) return 'conflict'
  if (status < 500) return 'invalid'
  return status === 502 || status === 503 || status === 504 ? 'unavailable' : 'internal'
}
