import { createAmqpBroker } from '@celeriac/broker'
import {
  decodeControlMessage,
  encodeControlReply,
  encodeJson,
  type ControlMessage,
} from '@celeriac/contracts'
import type { Broker, Delivery, JsonValue } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { Celeriac, MemoryBackend, RpcBackend, type TaskMeta } from '@celeriac/tasks'
import { useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonOutputs, runCommandLine } from '../src/index.ts'
import { recordedIo, type Recorded } from './cli-harness.ts'

let rabbit: TestRabbit
let broker: Broker
/** What the nodes answer, by method. */
const answers: Record<string, (message: ControlMessage, node: string) => JsonValue | undefined> = {
  ping: () => ({ ok: 'pong' }),
  active: () => [{ id: 'a1', name: 'tasks.add', args: [1], kwargs: {} }],
  rate_limit: ({ arguments: given }, node) =>
    node.endsWith('two') ? { error: 'unknown task' } : { ok: `limited to ${given['rate_limit'] as string}` },
}
const heard: ControlMessage[] = []

/** Two nodes that answer, and RabbitMQ as it is: the commands connect to it by its URL. */
beforeAll(async () => {
  rabbit = await useTestRabbit()
  const { url, topology } = rabbit
  broker = createAmqpBroker({ url, topology, name: 'cli test', logger: silentLogger() })
  await broker.start()
  for (const node of ['celery@one', 'celery@two']) {
    const queue = `${topology.prefix}${node}.pidbox`
    await broker.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.controlExchange, routingKey: '' }],
    })
    const onDelivery = (delivery: Delivery): void => {
      const message = decodeControlMessage(delivery)
      heard.push(message)
      const answer = answers[message.method]?.(message, node)
      if (answer !== undefined && message.replyTo !== null)
        void broker.publish([encodeControlReply(message.replyTo, message.ticket, node, answer)])
    }
    await broker.consume({ queue, prefetch: 0, noAck: true, onDelivery })
  }
})
afterAll(async () => {
  await broker.stop()
  await rabbit.close()
})

async function run(
  args: readonly string[],
  {
    interrupt = new AbortController(),
    io = recordedIo(),
  }: { interrupt?: AbortController; io?: Recorded } = {},
) {
  const { url, topology } = rabbit
  const code = await runCommandLine([...args, '--amqp-url', url, '--queue-prefix', topology.prefix], {
    io,
    interrupt: { signal: () => interrupt.signal, isInterrupted: () => interrupt.signal.aborted },
  })
  return { code, out: io.outLines.join('\n'), err: io.errLines.join('\n') }
}
const holds = (name: keyof typeof jsonOutputs, out: string): unknown =>
  jsonOutputs[name].schema.parse(JSON.parse(out))

test('inspect shows what every worker answers, as a table and as JSON', async () => {
  const shown = await run(['inspect', 'active', '--limit', '2', '--timeout', '20'])
  expect(shown.code).toBe(0)
  expect(shown.out).toMatch(/celery@one +tasks.add +a1.*\ncelery@two +tasks.add +a1/)
  const { code, out } = await run(['inspect', 'ping', '--limit', '2', '--timeout', '20', '--json'])
  expect(code).toBe(0)
  expect(holds('inspect', out)).toEqual({
    replies: { 'celery@one': { ok: 'pong' }, 'celery@two': { ok: 'pong' } },
  })
})

test('inspect ends with code 69 when no worker answers', async () => {
  expect(await run(['inspect', 'clock', '--timeout', '0.1'])).toMatchObject({
    code: 69,
    out: '',
    err: expect.stringContaining('no worker answered within 0.1 s'),
  })
})

test('control tells what each worker made of it, and ends with code 1 when one refuses', async () => {
  const args = ['control', 'rate_limit', 'tasks.add', '10/m', '--limit', '2', '--timeout', '20']
  const shown = await run(args)
  expect(shown.code).toBe(1)
  expect(shown.out).toMatch(/celery@one +✓ limited to 10\/m\ncelery@two +✗ unknown task/)
  const { code, out } = await run([...args, '--json'])
  expect(code).toBe(1)
  expect(holds('control', out)).toEqual({
    replies: {
      'celery@one': { ok: 'limited to 10/m', error: null },
      'celery@two': { ok: null, error: 'unknown task' },
    },
  })
})

test('a command that nobody answers is only sent, to those it is meant for', async () => {
  const { code, out } = await run(['control', 'shutdown', '--pattern', 'celery@o*'])
  expect([code, out]).toEqual([0, 'shutdown was sent'])
  await expect
    .poll(() => heard.findLast(({ method }) => method === 'shutdown'))
    .toMatchObject({ pattern: 'celery@o*', matcher: 'glob', replyTo: null })
})

/** A worker that has one kind of task, as far as the wire tells. */
async function answering(meta: Partial<TaskMeta>): Promise<() => Promise<void>> {
  const results = new RpcBackend({ broker })
  const consumer = await broker.consume({
    queue: rabbit.topology.celeryQueue,
    prefetch: 1,
    onDelivery: (delivery) => {
      const { correlationId = '', headers, replyTo } = delivery
      void results
        .store([
          {
            replyTo: replyTo ?? null,
            meta: {
              task_id: correlationId,
              status: 'SUCCESS',
              result: headers?.['argsrepr'] as string,
              traceback: null,
              children: [],
              date_done: null,
              ...meta,
            },
          },
        ])
        .then(() => delivery.ack())
    },
  })
  return () => consumer.cancel()
}

test('call prints the id, and with --wait what the task returns', async () => {
  const id = 'b1f5a3c2-0000-4000-8000-000000000001'
  expect(await run(['call', 'tasks.add', '--args', '[1, 2]', '--task-id', id])).toMatchObject({
    code: 0,
    out: id,
  })
  const stop = await answering({})
  const args = ['call', 'tasks.add', '--args', '[1, 2]', '--wait', '20']
  expect(await run(args)).toEqual({ code: 0, out: '"(1, 2)"', err: '' })
  const { out } = await run([...args, '--json'])
  expect(holds('call --wait', out)).toMatchObject({ status: 'SUCCESS', result: '(1, 2)', error: null })
  await stop()
})

test('call ends with code 1 when the task fails, and when it does not end in time', async () => {
  const args = ['call', 'tasks.fail', '--wait', '20']
  const failure = { exc_type: 'ValueError', exc_message: ['bad'], exc_module: 'builtins' }
  const stop = await answering({ status: 'FAILURE', result: failure, traceback: 'Traceback: there' })
  const shown = await run(args)
  expect(shown).toMatchObject({ code: 1, out: '' })
  expect(shown.err).toBe('failed: ValueError: bad\nTraceback: there')
  const { code, out } = await run([...args, '--json'])
  expect(code).toBe(1)
  expect(holds('call --wait', out)).toMatchObject({
    status: 'FAILURE',
    result: null,
    error: { type: 'ValueError', message: 'bad', traceback: 'Traceback: there' },
  })
  await stop()
  const late = await run(['call', 'tasks.fail', '--wait', '0.05'])
  expect(late).toMatchObject({ code: 1, err: expect.stringContaining('has not ended within 0.05 s') })
})

test('purge drops what waits', async () => {
  const { url, topology } = rabbit
  const { prefix, celeryQueue } = topology
  await broker.purge(celeryQueue)
  const app = new Celeriac({ broker: url, prefix, backend: new MemoryBackend() })
  await app.applyMany([1, 2, 3].map((x) => app.signature('tasks.any', { args: [x] })))
  await app.stop()
  const { code, out } = await run(['purge', celeryQueue, '--force', '--json'])
  expect(code).toBe(0)
  expect(holds('purge', out)).toEqual({ queues: [{ queue: celeryQueue, messages: 3 }] })
  expect((await run(['purge', celeryQueue, '-f'])).out).toMatch(/ 0$/)
})

test('parked messages are listed without their bodies, and sent back to their queue', async () => {
  const { topology } = rabbit
  const { deadLetter } = topology
  const queue = topology.eventQueue(3)
  const body = encodeJson({ event: 'run.paused', run_id: 'r', secret: 'x' })
  const parkedFrom = (queueName: string): Record<string, JsonValue> => ({
    'x-celeriac-reason': 'unknown_version',
    'x-celeriac-problems': '{"message":"the event is not known","event":"run.paused"}',
    'x-celeriac-queue': queueName,
    'x-celeriac-parked-at': Date.now() - 90_000,
  })
  await broker.publish([
    { exchange: '', routingKey: deadLetter, persistent: true, headers: parkedFrom(queue), body },
    { exchange: '', routingKey: deadLetter, persistent: true, body: encodeJson('of somebody else') },
  ])
  const shown = await run(['parked', 'list'])
  expect(shown.out).toMatch(/1 min 3\d s +unknown_version +\S+ +run\.paused/)
  const { code, out } = await run(['parked', 'list', '--reason', 'unknown_version', '--json'])
  expect([code, out.includes('secret')]).toEqual([0, false])
  const { messages } = holds('parked list', out) as { messages: { id: string }[] }
  expect(messages).toMatchObject([{ type: 'run.paused', run_id: 'r', queue, replayable: true }])
  const { id } = messages[0]!
  const missing = await run(['parked', 'replay', '--id', id, 'nothing', '--json'])
  expect([missing.code, holds('parked replay', missing.out)]).toEqual([
    3,
    {
      messages: [
        { id, queue, outcome: 'replayed' },
        { id: 'nothing', queue: '', outcome: 'not_found' },
      ],
    },
  ])
  await expect.poll(async () => (await broker.depths([queue]))[0]?.messages).toBe(1)
  expect(await run(['parked', 'replay', '--all'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('stays: it was cut down, or does not say where it came from'),
  })
  expect(await broker.purge(deadLetter)).toBe(1)
  expect((await run(['parked', 'list'])).out).toBe('nothing is parked')
  await broker.purge(queue)
})

const sendEvent = (type: string, clock: number) =>
  broker.publish([
    {
      exchange: rabbit.topology.eventExchange,
      routingKey: type.replace('-', '.'),
      mandatory: false,
      contentType: 'application/json',
      body: Buffer.from(
        JSON.stringify({ type, hostname: 'celery@one', timestamp: 1_700_000_000 + clock, clock, uuid: 'a1' }),
      ),
    },
  ])

test('events come as JSON lines, until there are enough', async () => {
  heard.length = 0
  const listening = run(['events', '--enable', '--json', '--limit', '2'])
  // The command asks for heartbeats as soon as it listens, and for task events after that.
  await expect.poll(() => heard.map(({ method }) => method)).toContain('enable_events')
  expect(heard.map(({ method }) => method)).toContain('heartbeat')
  for (const clock of [1, 2, 3]) await sendEvent('task-started', clock)
  const { code, out } = await listening
  expect(code).toBe(0)
  const lines = out.split('\n').map((line) => jsonOutputs.events.schema.parse(JSON.parse(line)))
  expect(lines).toMatchObject([
    { type: 'task-started', clock: 1 },
    { type: 'task-started', clock: 2 },
  ])
})

test('events end with Ctrl-C', async () => {
  const interrupt = new AbortController()
  const io = recordedIo()
  heard.length = 0
  const listening = run(['events'], { interrupt, io })
  await expect.poll(() => heard.map(({ method }) => method)).toContain('heartbeat')
  await sendEvent('worker-heartbeat', 1)
  await expect.poll(() => io.outLines).toHaveLength(1)
  interrupt.abort()
  expect((await listening).code).toBe(130)
  expect(io.outLines[0]).toContain('worker-heartbeat  celery@one')
})
