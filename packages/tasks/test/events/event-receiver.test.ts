import { decodeControlMessage } from '@celeriac/contracts'
import type { Logger } from '@celeriac/runtime'
import { silentLogger } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import type { CeleryEvent } from '../../src/index.ts'
import { receiveEvents, type EventReceiverOptions } from '../../src/events/event-receiver.ts'
import { memoryNodes } from '../control/memory-nodes.ts'
import { anEvent } from './an-event.ts'

async function listen(options: Partial<EventReceiverOptions> = {}) {
  const nodes = await memoryNodes()
  const events: CeleryEvent[] = []
  const receiver = await receiveEvents({
    broker: nodes.broker,
    prefix: '',
    handlers: { '*': (event) => events.push(event) },
    ...options,
  })
  const send = (routingKey: string, body: unknown, contentType = 'application/json') =>
    nodes.nodes.publish([
      {
        exchange: nodes.topology.eventExchange,
        routingKey,
        mandatory: false,
        contentType,
        body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      },
    ])
  return { ...nodes, events, receiver, send }
}

test('single events and batches come one by one, with fields that are not known', async () => {
  const { events, send } = await listen()
  const sent = [
    anEvent('worker-heartbeat', 1, { queues: ['celery'] }),
    anEvent('task-received', 2),
    anEvent('task-started', 3),
  ]
  await send('worker.heartbeat', sent[0])
  await send('task.multi', sent.slice(1))
  await send('task.multi', [])
  await expect.poll(() => events).toHaveLength(3)
  expect(events).toEqual(sent)
})

test('an event goes to the handler of its type, and to that of all others where it has none', async () => {
  const failed: string[] = []
  const others: string[] = []
  const { send } = await listen({
    handlers: {
      'task-failed': ({ exception }) => failed.push(exception ?? ''),
      '*': ({ type }) => others.push(type),
    },
  })
  await send('task.multi', [
    anEvent('task-failed', 1, { exception: 'ValueError()' }),
    anEvent('task-started', 2),
    anEvent('deploy-done', 3),
    anEvent('toString', 4),
  ])
  await expect.poll(() => others).toEqual(['task-started', 'deploy-done', 'toString'])
  expect(failed).toEqual(['ValueError()'])
})

test('what cannot be read is logged and spoils nothing', async () => {
  const warnings: string[] = []
  const logger = { ...silentLogger(), warn: (_: object, text: string) => void warnings.push(text) } as Logger
  const { events, send } = await listen({ logger })
  await send('task.started', '{')
  await send('task.started', 'gASVBQ', 'application/x-python-serialize')
  await send('task.multi', [{ type: 'task-started' }, null, anEvent('task-started', 1)])
  await expect.poll(() => events).toHaveLength(1)
  expect(warnings).toHaveLength(4)
})

test('an event of a client, whose clock stands still, is put before what was heard', async () => {
  const { events, send } = await listen()
  await send('worker.heartbeat', anEvent('worker-heartbeat', 40))
  await send('task.sent', anEvent('task-sent', 1))
  await expect.poll(() => events.map(({ clock }) => clock)).toEqual([40, 40])
})

test('only events of the routing key come', async () => {
  const { events, send } = await listen({ routingKey: 'worker.#' })
  await send('task.started', anEvent('task-started', 1))
  await send('worker.offline', anEvent('worker-offline', 2))
  await expect.poll(() => events.map(({ type }) => type)).toEqual(['worker-offline'])
})

test('workers are asked for a heartbeat when listening begins, unless that is not wanted', async () => {
  const { broker, addNode, messages, deliveries } = await memoryNodes()
  await addNode('celery@one')
  const quiet = await receiveEvents({ broker, prefix: '', handlers: {}, wakeUp: false })
  const receiver = await receiveEvents({ broker, prefix: '', handlers: {} })
  await expect.poll(() => messages.map(({ method }) => method)).toEqual(['heartbeat'])
  expect(decodeControlMessage(deliveries[0]!)).toMatchObject({ replyTo: null, destination: null })
  await quiet.stop()
  await receiver.stop()
  await receiver.stop()
})

test('a receiver that was stopped hears nothing more', async () => {
  const { events, send, receiver, broker } = await listen()
  await send('task.started', anEvent('task-started', 1))
  await expect.poll(() => events).toHaveLength(1)
  await receiver.stop()
  const heard: CeleryEvent[] = []
  const other = await receiveEvents({ broker, prefix: '', handlers: { '*': (event) => heard.push(event) } })
  await send('task.started', anEvent('task-started', 2))
  await expect.poll(() => heard).toHaveLength(1)
  expect(events).toHaveLength(1)
  await other.stop()
})
