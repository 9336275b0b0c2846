import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  delayedDeliveryBinding,
  delayedDeliveryTopology,
  delayedRoute,
  queueArguments,
  undelayedRoutingKey,
  withoutDeaths,
} from '@celeriac/broker'
import { topicMatches } from '../src/memory/routing.ts'

test('the topology is that of kombu: names, arguments and bindings', () => {
  const { exchanges, queues, bindings } = delayedDeliveryTopology()
  expect(exchanges).toHaveLength(29)
  expect(exchanges).toContainEqual({ name: 'celery_delayed_delivery', type: 'topic', isDurable: true })
  expect(queues!.map(({ name }) => name)).toEqual(
    Array.from({ length: 28 }, (_, level) => `celery_delayed_${level}`),
  )
  expect(queueArguments(queues![27]!)).toEqual({
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-message-ttl': 134_217_728_000,
    'x-dead-letter-exchange': 'celery_delayed_26',
    'x-dead-letter-strategy': 'at-least-once',
  })
  expect(queueArguments(delayedDeliveryTopology({ queueType: 'classic' }).queues![0]!)).toEqual({
    'x-overflow': 'reject-publish',
    'x-message-ttl': 1_000,
    'x-dead-letter-exchange': 'celery_delayed_delivery',
  })
  expect(bindings).toContainEqual({
    exchange: 'celery_delayed_27',
    routingKey: '1.#',
    queue: 'celery_delayed_27',
  })
  expect(bindings).toContainEqual({
    exchange: 'celery_delayed_26',
    routingKey: '*.0.#',
    toExchange: 'celery_delayed_25',
  })
  expect(bindings).toContainEqual({
    exchange: 'celery_delayed_0',
    routingKey: `${'*.'.repeat(27)}0.#`,
    toExchange: 'celery_delayed_delivery',
  })
})

test('five seconds are written in binary in front of the key', () => {
  expect(delayedRoute(5_000, 'jobs')).toEqual({
    exchange: 'celery_delayed_27',
    routingKey: `${'0.'.repeat(25)}1.0.1.jobs`,
  })
  expect(delayedRoute(5_000, 'jobs', 'p.')!.exchange).toBe('p.celery_delayed_27')
})

test.each([
  [-1_000, 0],
  [0, 0],
  [899, 0],
  [900, 1],
  [1_899, 1],
  [4_999, 5],
  [5_500, 5],
  [Number.POSITIVE_INFINITY, 2 ** 28 - 1],
  [Number.NaN, 0],
])('a delay of %d ms takes %d s', (delayMs, seconds) => {
  const route = delayedRoute(delayMs, 'q')
  const digits = route?.routingKey.split('.').slice(0, 28).join('') ?? '0'
  expect(Number.parseInt(digits, 2)).toBe(seconds)
})

test('the real key comes out again, also where prefixes have piled up, and nothing else is taken for one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 2 ** 38 }),
      fc.stringMatching(/^[a-z01.]{1,60}$/),
      (delayMs, key) => {
        const real = undelayedRoutingKey(key)
        const once = delayedRoute(delayMs, key)!.routingKey
        expect(undelayedRoutingKey(once)).toBe(real)
        expect(delayedRoute(delayMs, once)!.routingKey).toBe(once)
        expect(undelayedRoutingKey(`${'0.'.repeat(28)}${once}`)).toBe(real)
      },
    ),
  )
  expect(undelayedRoutingKey('0.1.0.queue')).toBe('0.1.0.queue')
})

test('a message passes exactly the levels of its digits and takes as long as they say', () => {
  const { queues, bindings } = delayedDeliveryTopology()
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 28 - 1 }), (seconds) => {
      const { routingKey } = delayedRoute(seconds * 1_000, 'jobs')!
      let exchange = 'celery_delayed_27'
      let waitedMs = 0
      while (exchange !== 'celery_delayed_delivery') {
        const matching = bindings!.filter(
          (binding) => binding.exchange === exchange && topicMatches(binding.routingKey, routingKey),
        )
        expect(matching).toHaveLength(1)
        const [next] = matching as [(typeof matching)[number]]
        if ('toExchange' in next) {
          exchange = next.toExchange
        } else {
          const queue = queues!.find(({ name }) => name === next.queue)!
          waitedMs += queue.messageTtlMs!
          exchange = queue.deadLetter!.exchange
        }
      }
      expect(waitedMs).toBe(seconds * 1_000)
    }),
    { numRuns: 20 },
  )
})

test('a queue is bound for its own key, and for no longer one that ends like it', () => {
  const { routingKey } = delayedDeliveryBinding('jobs')
  expect(topicMatches(routingKey, delayedRoute(5_000, 'jobs')!.routingKey)).toBe(true)
  expect(topicMatches(routingKey, delayedRoute(5_000, 'other.jobs')!.routingKey)).toBe(false)
  expect(delayedDeliveryBinding('jobs', { prefix: 'p.', routingKey: 'key' })).toEqual({
    exchange: 'p.celery_delayed_delivery',
    routingKey: `${'*.'.repeat(28)}key`,
    queue: 'jobs',
  })
})

test('the history of dead-lettering is taken out of headers, and nothing else', () => {
  const kept = { id: 'i', 'x-my': 1, 'x-deathly': 2 }
  const history = { 'x-death': [], 'x-first-death-queue': 'q', 'x-last-death-reason': 'expired' }
  expect(withoutDeaths({ ...kept, ...history })).toEqual(kept)
})
