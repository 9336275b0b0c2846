/** A burst far over the limit, from sockets to a worker: who is refused, in what order, and what is left of it. */
import type { Store } from '@celeriac/core'
import { createLogger, createMetrics, systemClock } from '@celeriac/runtime'
import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createGatewayMetrics } from '../../src/predict/metrics.ts'
import { PredictGateway } from '../../src/predict/predict-gateway.ts'
import { Shadow } from '../../src/predict/shadow.ts'
import { Signatures } from '../../src/predict/signatures.ts'
import { startApi, token } from '../http/api-harness.ts'
import { aModelVersion } from '../http/fake-predictions.ts'
import { openRaw } from '../http/raw-request.ts'
import { setupClient, type GivenCall } from './setup-client.ts'

const callers = 600
/** What is let in before anything was measured. */
const accepted = 256

/** The service on a broker in memory, with a worker that answers when the test says so. */
async function setup() {
  const held: GivenCall[] = []
  let isHolding = true
  const { client } = await setupClient((call) => (isHolding ? void held.push(call) : call.succeed()))
  const model = aModelVersion()
  const route = { name: 'model', revision: 1, primary: model, canary: null, shadow: null }
  const signatures = new Signatures({ root: 'file:///nowhere' })
  const clock = systemClock
  const gateway = new PredictGateway({
    routes: { known: () => route, routeOf: async () => route, versionOf: async () => model },
    signatures,
    client,
    shadow: new Shadow({
      client,
      signatures,
      clock,
      logger: createLogger({ service: 'test', level: 'silent' }),
      onOutcome: () => undefined,
    }),
    metrics: createGatewayMetrics(createMetrics({ processMetrics: false })),
    clock,
    random: Math.random,
  })
  // The configured token is known without a database, and so is the model here.
  const api = await startApi({ predictions: gateway, store: {} as Store })
  onTestFinished(() => api.close())
  return {
    api,
    gateway,
    client,
    release: () => {
      isHolding = false
      for (const call of held) call.succeed()
    },
  }
}

const body = '{"rows":[{"age":1}]}'
const request = [
  'POST /api/v1/models/model/predict HTTP/1.1',
  'host: x',
  `authorization: Bearer ${token}`,
  'content-type: application/json',
  'x-request-timeout: 60',
  `content-length: ${body.length}`,
  '',
  body,
].join('\r\n')

interface Caller {
  readonly socket: Socket
  text: string
}

test('far over the limit all are answered, the refused ones before those that wait, and nothing of it is kept', async () => {
  const { api, gateway, client, release } = await setup()
  /** Heads of the answers, in the order of their coming. */
  const answers: string[] = []
  const coming = new EventEmitter()
  const answered = async (count: number): Promise<void> => {
    while (answers.length < count) await once(coming, 'answer')
    expect(answers).toHaveLength(count)
  }
  const all = Array.from({ length: callers }, () => {
    const caller: Caller = { socket: openRaw(api, request), text: '' }
    onTestFinished(() => void caller.socket.destroy())
    caller.socket.on('data', (chunk: Buffer) => {
      caller.text += chunk.toString()
      const end = caller.text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(caller.text)?.[1])
      if (end < 0 || caller.text.length < end + 4 + length) return
      answers.push(caller.text.slice(0, end))
      caller.text = caller.text.slice(end + 4 + length)
      coming.emit('answer')
    })
    return caller
  })
  // The worker has not answered anybody yet.
  await answered(callers - accepted)
  for (const head of answers) {
    expect(head).toMatch(/^HTTP\/1\.1 503 /)
    expect(head).toMatch(/\r\nretry-after: 1\r\n/)
    expect(head).not.toMatch(/connection: close/i)
  }
  expect(gateway.limits.get('model')?.underWay).toBe(accepted)
  expect(gateway.cells).toBeGreaterThan(0)
  expect(client.waitingBytes).toBeGreaterThan(0)

  release()
  await answered(callers)
  for (const head of answers.slice(callers - accepted)) expect(head).toMatch(/^HTTP\/1\.1 200 /)
  expect(all.every(({ text }) => text === '')).toBe(true)
  const left = () => [gateway.limits.get('model')?.underWay, gateway.cells, client.waitingBytes]
  expect(left()).toEqual([0, 0, 0])

  // On the connections that were refused and on those that were not, a few at a time.
  for (let from = 0; from < callers; from += 50) {
    const before = answers.length
    for (const { socket } of all.slice(from, from + 50)) socket.write(request)
    await answered(before + 50)
  }
  for (const head of answers.slice(callers)) expect(head).toMatch(/^HTTP\/1\.1 200 /)
  expect(left()).toEqual([0, 0, 0])
})
