import type { OperatorTaskView, RunView } from '@celeriac/contracts'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runCommandLine } from '../src/index.ts'
import type { Io } from '../src/io.ts'

export interface Recorded extends Io {
  readonly outLines: string[]
  readonly errLines: string[]
}

/** An output that remembers; no colours, like a pipe. */
export function recordedIo(size: { columns?: number; rows?: number } = {}): Recorded {
  const outLines: string[] = []
  const errLines: string[] = []
  return {
    outLines,
    errLines,
    out: (line) => void outLines.push(line),
    err: (line) => void errLines.push(line),
    drained: () => Promise.resolve(),
    paint: (_style, text) => text,
    isTty: false,
    columns: size.columns ?? 100,
    rows: size.rows ?? 40,
  }
}

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Respond = (asked: Asked) => { status?: number; body: unknown }

export interface StubServer {
  readonly url: string
  readonly asked: Asked[]
  /** Runs a command line against the server. */
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>
  close(): Promise<void>
}

/** An HTTP server that answers what a test says. */
export async function stubServer(respond: Respond): Promise<StubServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one: Asked = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      asked.push(one)
      const { status = 200, body } = respond(one)
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    asked,
    run: (...args) => runCli(...args, '--server', url, '--token', 't'),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

export async function runCli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = recordedIo()
  const never = new AbortController()
  const code = await runCommandLine(args, {
    io,
    interrupt: { signal: () => never.signal, isInterrupted: () => false },
  })
  return { code, out: io.outLines.join('\n'), err: io.errLines.join('\n') }
}

export const anOperator = (fields: Partial<OperatorTaskView> & { id: string }): OperatorTaskView => ({
  algo_name: 'algo_local_pass_through',
  task: null,
  executor: 'local',
  state: 'pending',
  attempt: 0,
  worker: null,
  ready_at: null,
  started_at: null,
  finished_at: null,
  retry_at: null,
  error: null,
  progress: null,
  metrics: {},
  compat: [],
  outputs: {},
  returned: null,
  skipped: null,
  upstream: [],
  attempts: [],
  ...fields,
})

export const aRun = (fields: Partial<RunView> = {}): RunView => ({
  id: '01a1fbea-62f6-77a2-963c-306fba21c35a',
  dag_id: '6fed062e-8d2d-47f4-85fd-012311453373',
  submitted_by: 'ada',
  dag_name: 'demo',
  dag_version: 1,
  state: 'running',
  version: 2,
  created_at: '2026-11-21T00:00:00.000Z',
  started_at: '2026-11-21T00:00:00.000Z',
  finished_at: null,
  operators: [],
  ...fields,
})

export const problem = (status: number, code: string, detail: string, more: object = {}) => ({
  status,
  body: {
    type: `urn:celeriac:error:${code}`,
    title: 'title',
    status,
    detail,
    code,
    instance: 'urn:celeriac:request:1',
    ...more,
  },
})
