import {
  CalendarDate,
  Celeriac,
  chain,
  chord,
  Decimal,
  group,
  Uuid,
  type CallOptions,
  type TaskValue,
} from '@celeriac/tasks'
import { testAmqpUrl, useTestRedis, type TestRedis } from '@celeriac/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ownNames, StockCelery } from './stock-celery.ts'
import { testWhere } from './support/test-where.ts'

/** Long enough for a loaded machine; nothing takes it. */
const timeout = 60

let redis: TestRedis
beforeAll(async () => {
  redis = await useTestRedis()
})
afterAll(() => redis.close())

describe.each(['redis', 'rpc'] as const)(
  'a stock Celery worker that is called from here, with %s://',
  (kind) => {
    const hasChords = kind === 'redis'
    let worker: StockCelery
    let app: Celeriac
    let names: Awaited<ReturnType<typeof ownNames>>
    const send = (name: string, args: readonly TaskValue[] = [], options: CallOptions = {}) =>
      app.sendTask(`tasks.${name}`, args, {}, options)
    const s = (name: string, ...args: readonly number[]) => app.signature(`tasks.${name}`, { args })

    beforeAll(async () => {
      names = await ownNames()
      const { prefix } = names
      const backend = kind === 'redis' ? redis.url : 'rpc://'
      worker = await StockCelery.start(
        ['-c', '2', '-n', 'stock@%h', '--without-mingle', '--without-gossip'],
        {
          TEST_AMQP_URL: testAmqpUrl(),
          CELERIAC_TEST_PREFIX: prefix,
          CELERIAC_TEST_BACKEND: backend,
          CELERIAC_TEST_KEY_PREFIX: redis.keyPrefix,
        },
      )
      app = new Celeriac({
        broker: testAmqpUrl(),
        backend,
        prefix,
        ...(kind === 'redis' ? { keyPrefix: redis.keyPrefix } : {}),
        delayQueueType: 'classic',
      })
    })
    afterAll(async () => {
      await app?.stop()
      await worker?.stop()
      await names?.close()
    })

    test('arguments of every JSON type, and those that Celery adds, arrive and return as they were', async () => {
      const args = [
        null,
        true,
        -1.5,
        12345678901234567890n,
        'žluť 🎉',
        [1, [2]],
        { a: { b: null } },
        new Date('2026-11-21T00:00:00.123Z'),
        CalendarDate.parse('2026-11-21'),
        Decimal.parse('1.10'),
        Uuid.parse('0e1d39f4-9d3c-4f2a-8a4f-0b9a1d6c2e11'),
        new Uint8Array([0, 255]),
      ]
      const result = await app.sendTask('tasks.echo', args, { named: [1] })
      expect(await result.get({ timeout })).toEqual([args, { named: [1] }])
      expect(await result.status()).toBe('SUCCESS')
    })

    test('an error comes with its class, arguments and traceback', async () => {
      await expect((await send('fail', ['bad'])).get({ timeout })).rejects.toMatchObject({
        name: 'ValueError',
        args: ['bad', 42],
        excModule: 'builtins',
        traceback: expect.stringContaining('client_tasks.py'),
      })
    })

    test('a task that the worker does not know is refused there, by name', async () => {
      const result = await app.sendTask('tasks.none')
      await expect.poll(() => worker.output, { timeout: 30_000 }).toContain(result.id)
      expect(worker.output).toContain('Received unregistered task of type')
    })

    test('a retried task ends with its last state', async () => {
      expect(await (await send('flaky', [2])).get({ timeout })).toBe(2)
    })

    test('a delayed call comes after its time', async () => {
      const at = Date.now()
      expect(await (await send('add', [1, 1], { countdown: 2 })).get({ timeout })).toBe(2)
      expect(Date.now() - at).toBeGreaterThanOrEqual(2_000) // never before, on however slow a machine
    })

    test('a chain gives what its last step gives, and knows its steps', async () => {
      const result = await app.apply(chain(s('add', 1, 1), s('add', 10), s('add', 100)))
      expect(await result.get({ timeout })).toBe(112)
      expect(await result.parent?.get({ timeout })).toBe(12)
      expect(await result.parent?.parent?.get({ timeout })).toBe(2)
    })

    test('a group gives the results of its members in order', async () => {
      const result = await app.apply(group(...[1, 2, 3].map((x) => s('add', x, x))))
      expect(await result.get({ timeout })).toEqual([2, 4, 6])
    })

    test('children are told', async () => {
      const result = await send('children')
      const collected: unknown[] = []
      // With rpc:// children answer to the worker that called them.
      if (kind === 'rpc') expect(await result.get({ timeout })).toBe('parent')
      else for await (const [, value] of result.collect({ timeout })) collected.push(value)
      if (kind === 'redis') expect(collected).toEqual(['parent', 2, 4])
      expect(await result.children()).toHaveLength(2)
    })

    testWhere(hasChords)('a chord calls its body with the results of its header', async () => {
      const header = [1, 2, 3].map((x) => s('add', x, x))
      expect(await (await app.apply(chord(header, s('total')))).get({ timeout })).toBe(12)
      const nested = chain(s('add', 1, 1), group(s('add', 1), s('add', 2)), s('total'))
      expect(await (await app.apply(nested)).get({ timeout })).toBe(7)
    })

    testWhere(hasChords)('a chord whose header fails ends with ChordError', async () => {
      const failing = app.signature('tasks.fail', { args: ['bad'] })
      const result = await app.apply(chord([s('add', 1, 1), failing], s('total')))
      await expect(result.get({ timeout })).rejects.toMatchObject({ name: 'ChordError' })
    })

    testWhere(hasChords)(
      'a link is called with the result, an error link with the id of what failed',
      async () => {
        const stored = (key: string) => app.signature('tasks.store', { args: [key] })
        const calls = { link: stored('linked'), linkError: stored('failed') }
        await send('add', [20, 22], calls)
        const failing = await send('fail', ['bad'], calls)
        const value = (key: string) => redis.client.get(`${redis.keyPrefix}${key}`)
        await expect.poll(() => value('linked'), { timeout: 30_000 }).toBe('42')
        await expect.poll(() => value('failed'), { timeout: 30_000 }).toBe(failing.id)
      },
    )

    test('a revoked task does not run; one that runs is ended with terminate', async () => {
      const long = await send('nap', [60])
      await expect.poll(() => long.status(), { timeout: 30_000 }).toBe('STARTED')
      await long.revoke({ terminate: true })
      await expect(long.get({ timeout })).rejects.toMatchObject({ name: 'TaskRevokedError' })
      const later = await send('add', [1, 1], { eta: new Date(Date.now() + 4_000) })
      await later.revoke()
      await expect(later.get({ timeout })).rejects.toMatchObject({ name: 'TaskRevokedError' })
    })
  },
)
