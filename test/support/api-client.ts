import { readFile } from 'node:fs/promises'
import { until } from './until.ts'

export interface OperatorView {
  readonly id: string
  readonly algo_name: string
  readonly task: string | null
  readonly executor: string
  readonly state: string
  readonly attempt: number
  readonly worker: string | null
  readonly error: { code: string; message: string; exc_type: string | null; traceback: string | null } | null
  readonly metrics: Record<string, number>
  readonly compat: readonly Record<string, unknown>[]
  readonly outputs: Record<string, { type: string; uri: string; rows?: number }>
  readonly returned: { value: unknown; is_cut_off: boolean } | null
}

export interface RunView {
  readonly id: string
  readonly state: string
  readonly operators: readonly OperatorView[]
}

/** A user of the REST API. */
export class ApiClient {
  readonly url: string
  readonly token: string

  constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  async request(
    method: string,
    path: string,
    body?: string | Uint8Array,
    type = 'application/json',
  ): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
    })
  }

  async json<T>(method: string, path: string, body?: string | Uint8Array, type?: string): Promise<T> {
    const response = await this.request(method, path, body, type)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  }

  /** Registers and runs a document. */
  submit(yaml: string): Promise<RunView> {
    return this.json('POST', '/api/v1/runs', yaml, 'application/yaml')
  }

  run(id: string): Promise<RunView> {
    return this.json('GET', `/api/v1/runs/${id}`)
  }

  async uploadFile(query: string, file: string): Promise<void> {
    await this.json('POST', `/api/v1/datasets?${query}`, await readFile(file), 'text/csv')
  }

  /** The run once it is in one of these states. */
  async waitFor(id: string, states: readonly string[], timeoutMs = 120_000): Promise<RunView> {
    const check = async (): Promise<RunView> => {
      const run = await this.run(id)
      if (states.includes(run.state)) return run
      const operators = run.operators.map(
        ({ id: op, state, error }) => `${op}: ${state} ${error?.message ?? ''}`,
      )
      throw new Error(`run ${id} is ${run.state}, not ${states.join(' or ')}\n${operators.join('\n')}`)
    }
    return until(check, { timeoutMs })
  }
}

export const finalStates = ['succeeded', 'failed', 'cancelled'] as const
