import type { RunEventView, RunView } from '@celeriac/contracts'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ApiClient } from '../src/client/api-client.ts'
import { RunInMotion } from '../src/watch/run-in-motion.ts'
import { runUpdates } from '../src/watch/run-updates.ts'
import { anOperator, aRun, problem } from './cli-harness.ts'

const first = aRun({ operators: [anOperator({ id: 'a' }), anOperator({ id: 'b' })] })
const last = aRun({
  state: 'succeeded',
  version: 3,
  finished_at: '2026-11-21T00:00:09.000Z',
  operators: [
    anOperator({
      id: 'a',
      state: 'succeeded',
      outputs: { '0': { type: 'Table', uri: 'file:///x', rows: 1 } },
    }),
    anOperator({ id: 'b', state: 'succeeded' }),
  ],
})
const { id } = first

const operatorEvent = (operator: string, state: 'running' | 'failed', number: number): RunEventView => {
  const {
    algo_name: _a,
    task: _p,
    executor: _e,
    compat: _c,
    outputs: _o,
    returned: _r,
    upstream: _u,
    attempts: _t,
    ...fields
  } = anOperator({
    id: operator,
    state,
    attempt: 1,
  })
  const error = state === 'failed' ? { code: 'TASK_FAILED', message: 'no', exc_type: null } : null
  return { event: 'operator', id: `2-${number}`, data: { ...fields, error } }
}
const snapshot: RunEventView = { event: 'snapshot', id: '2-1', data: first }
const end: RunEventView = { event: 'end', id: '3-end', data: { id, state: 'succeeded', version: 3 } }

/** A server of one run: what each ask for the stream gets, and what the run itself is. */
async function serve(streams: ((response: ServerResponse) => void)[], runs: RunView[]) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(`/api/v1/runs/${id}`, 'run')
    asked.push(path)
    if (path === 'run/events') (streams.length > 1 ? streams.shift() : streams[0])?.(response)
    else {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(runs.length > 1 ? runs.shift() : runs[0]))
    }
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { client: new ApiClient({ server: `http://127.0.0.1:${port}`, token: 't' }), asked }
}

const streamOf =
  (events: readonly RunEventView[], { isCut = false } = {}) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.write('retry: 2000\n\n: heartbeat\n\n')
    for (const event of events)
      response.write(`id: ${event.id}\nevent: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`)
    if (isCut) response.destroy()
    else response.end()
  }
const refused =
  (status: number, code: string) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify(problem(status, code, 'refused').body))
  }

async function all(client: ApiClient): Promise<RunView[]> {
  const seen: RunView[] = []
  for await (const run of runUpdates(client, id, undefined)) seen.push(run)
  return seen
}

test('a run is followed by its events, and read whole at the end', async () => {
  const { client, asked } = await serve(
    [streamOf([snapshot, operatorEvent('a', 'running', 2), operatorEvent('b', 'failed', 3), end])],
    [last],
  )
  const seen = await all(client)
  expect(seen.at(-1)).toEqual(last)
  expect(asked).toEqual(['run/events', 'run'])
})

test.each([
  ['full', 503, 'STREAM_LIMIT'],
  ['older than streams', 404, 'NOT_FOUND_ROUTE'],
])('a server that is %s is asked again and again', async (_what, status, code) => {
  const { client, asked } = await serve([refused(status, code)], [first, first, last])
  const seen = await all(client)
  expect(seen).toEqual([first, first, last])
  expect(asked).toEqual(['run/events', 'run', 'run', 'run'])
})

test('an answer that is no stream is asked for once', async () => {
  const { client, asked } = await serve(
    [(response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}')],
    [first, last],
  )
  expect(await all(client)).toEqual([first, last])
  expect(asked).toEqual(['run/events', 'run', 'run'])
})

test('a stream that breaks off costs nothing but the wait', async () => {
  const { client } = await serve(
    [streamOf([snapshot, operatorEvent('a', 'running', 2)], { isCut: true })],
    [first, first, last],
  )
  const seen = await all(client)
  expect(seen.at(-1)).toEqual(last)
})

test('the fault of the run itself is the one that is told', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    refused(404, 'NOT_FOUND_RUN')(response)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  await expect(all(new ApiClient({ server: `http://127.0.0.1:${port}`, token: 't' }))).rejects.toMatchObject({
    reason: 'notFound',
    code: 'NOT_FOUND_RUN',
  })
  expect(asked).toHaveLength(2)
})

test('an interrupt ends the watching at once', async () => {
  const interrupt = new AbortController()
  const { client } = await serve(
    [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`id: 2-1\nevent: snapshot\ndata: ${JSON.stringify(first)}\n\n`)
      },
    ],
    [first],
  )
  const updates = runUpdates(client, id, interrupt.signal)
  expect((await updates.next()).value).toEqual(first)
  interrupt.abort(new Error('interrupted'))
  await expect(updates.next()).rejects.toThrow('interrupted')
})

test('changes are laid over the snapshot', () => {
  const motion = new RunInMotion()
  motion.apply(operatorEvent('a', 'running', 1))
  expect(motion.run).toBeNull()
  motion.apply(snapshot)
  const before = motion.run!
  motion.apply(operatorEvent('a', 'running', 2))
  motion.apply(operatorEvent('unknown', 'running', 3))
  motion.apply(operatorEvent('b', 'failed', 4))
  motion.apply({
    event: 'run',
    id: '3-5',
    data: { id, state: 'failed', version: 3, started_at: null, finished_at: null },
  })
  const run = motion.run!
  expect(run.operators.map(({ state }) => state)).toEqual(['running', 'failed'])
  expect(run.operators[1]!.error).toMatchObject({ code: 'TASK_FAILED', traceback: null })
  expect([run.state, run.version, run.dag_name]).toEqual(['failed', 3, 'demo'])
  expect(before.operators.map(({ state }) => state)).toEqual(['pending', 'pending'])
})
