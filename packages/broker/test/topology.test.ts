import { expect, test } from 'vitest'
import { buildTopology, queueArguments } from '@celeriac/broker'
import { partitionCount } from '@celeriac/core'

const declared = (prefix?: string) => {
  const topology = buildTopology(prefix === undefined ? {} : { prefix })
  return Object.fromEntries(topology.queues.map((queue) => [queue.name, queueArguments(queue)]))
}

const toUndelivered = {
  'x-dead-letter-exchange': 'celeriac.dlx',
  'x-dead-letter-routing-key': 'celeriac.undelivered',
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
}
const executor = { 'x-queue-type': 'quorum', 'x-delivery-limit': 5, ...toUndelivered }
const events = { 'x-queue-type': 'quorum', 'x-single-active-consumer': true, ...toUndelivered }

// Brokers refuse a queue with other arguments than it has: a change here needs a way to upgrade.
test('queues have the names and arguments that running installations have', () => {
  expect(declared()).toEqual({
    celery: {},
    'celeriac.local': executor,
    'celeriac.dc': executor,
    'celeriac.predict': { 'x-max-length': 1_000, 'x-overflow': 'reject-publish' },
    'celeriac.undelivered': { 'x-queue-type': 'quorum' },
    'celeriac.dead-letter': { 'x-queue-type': 'quorum' },
    ...Object.fromEntries(Array.from({ length: partitionCount }, (_, p) => [`celeriac.events.${p}`, events])),
  })
})

test("exchanges are Celery's, and three of our own", () => {
  expect(buildTopology().exchanges).toEqual([
    { name: 'celeriac.dlx', type: 'direct', isDurable: true },
    { name: 'celeriac.answers', type: 'direct', isDurable: true },
    { name: 'celery', type: 'direct', isDurable: true },
    { name: 'celeryev', type: 'topic', isDurable: true },
    { name: 'celery.pidbox', type: 'fanout', isDurable: false },
    { name: 'reply.celery.pidbox', type: 'direct', isDurable: false },
    { name: 'celeriac.live', type: 'fanout', isDurable: false },
    { name: 'celeriac.models', type: 'fanout', isDurable: false },
  ])
})

test('the prefix is in front of every name, also inside of arguments and bindings', () => {
  const topology = buildTopology({ prefix: 'p.' })
  const names = [
    ...topology.queues.flatMap(({ name, deadLetter }) => [name, ...Object.values(deadLetter ?? {})]),
    ...topology.exchanges.map(({ name }) => name),
    ...topology.bindings.flatMap((binding) => Object.values(binding)),
    ...topology.executors.map((name) => topology.executorQueue(name)),
    ...Array.from({ length: partitionCount }, (_, partition) => topology.eventQueue(partition)),
    topology.celeryQueue,
    topology.undelivered,
    topology.deadLetter,
    topology.deadLetterExchange,
    topology.answerExchange,
    topology.eventExchange,
    topology.controlExchange,
    topology.controlReplyExchange,
    topology.liveExchange,
    topology.modelExchange,
  ]
  expect(names.filter((name) => !name.startsWith('p.'))).toEqual([])
})

test('every name that the accessors give is declared', () => {
  const topology = buildTopology()
  const queues = new Set(topology.queues.map(({ name }) => name))
  const exchanges = new Set(topology.exchanges.map(({ name }) => name))
  const { celeryQueue, undelivered, deadLetter } = topology
  for (const name of topology.executors) expect(queues).toContain(topology.executorQueue(name))
  for (const name of [celeryQueue, undelivered, deadLetter]) expect(queues).toContain(name)
  for (const name of [
    topology.deadLetterExchange,
    topology.answerExchange,
    topology.eventExchange,
    topology.controlExchange,
  ])
    expect(exchanges).toContain(name)
  for (const { exchange, queue } of topology.bindings) {
    expect(exchanges).toContain(exchange)
    expect(queues).toContain(queue)
  }
})

test('an own executor gets a queue like that of local', () => {
  const topology = buildTopology({ executors: ['gpu', 'gpu', 'slow-lane'] })
  expect(topology.executors).toEqual(['local', 'dc', 'predict', 'gpu', 'slow-lane'])
  expect(topology.operatorExecutors).toEqual(['local', 'gpu', 'slow-lane'])
  expect(topology.executorQueue('gpu')).toBe('celeriac.gpu')
  const argumentsOf = (name: string) => queueArguments(topology.queues.find((queue) => queue.name === name)!)
  expect(argumentsOf('celeriac.gpu')).toEqual(executor)
  expect(argumentsOf('celeriac.slow-lane')).toEqual(executor)
})

test.each([
  'local',
  'dc',
  'predict',
  'undelivered',
  'dead-letter',
  'dlx',
  'live',
  'events.0',
  'GPU',
  '',
  '-x',
])('an own executor cannot be called %j', (name) => {
  expect(() => buildTopology({ prefix: 'p.', executors: ['gpu', name] })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: { problems: [expect.objectContaining({ setting: 'executors' })] },
    }),
  )
})

test('an executor or partition that does not exist is refused', () => {
  const topology = buildTopology()
  expect(() => topology.executorQueue('gpu')).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: { executor: 'gpu', executors: ['local', 'dc', 'predict'] },
    }),
  )
  for (const partition of [-1, partitionCount, 0.5])
    expect(() => topology.eventQueue(partition)).toThrow(expect.objectContaining({ code: 'INTERNAL_ERROR' }))
})
