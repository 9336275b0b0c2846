import { encodeControlReply } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { ControlClient, type CommandOptions, type Replies } from '../../src/index.ts'
import { withPublish } from '../worker/setup.ts'
import { memoryNodes } from './memory-nodes.ts'

const pong = () => ({ ok: 'pong' })

test('a request collects the answers that come in time, each told as it comes', async () => {
  const { control, addNode, clock } = await memoryNodes()
  await addNode('celery@one', pong)
  await addNode('celery@two', pong)
  await addNode('celery@deaf')
  const told: string[] = []
  const request = control.request('ping', {}, { timeout: 3, onReply: (node) => told.push(node) })
  await expect.poll(() => told.toSorted()).toEqual(['celery@one', 'celery@two'])
  clock.advance(3_000)
  expect(await request).toEqual(
    new Map([
      ['celery@one', { ok: 'pong' }],
      ['celery@two', { ok: 'pong' }],
    ]),
  )
  expect(clock.pending).toBe(0)
})

test('as many answers as were asked for end the wait: a limit, or one of each destination', async () => {
  const { control, addNode, clock, messages } = await memoryNodes()
  await addNode('celery@one', pong)
  await addNode('celery@two', ({ destination }) => (destination === null ? undefined : pong()))
  expect(await control.ping({ limit: 1 })).toEqual(['celery@one'])
  const both = ['celery@one', 'celery@two']
  expect((await control.ping({ destination: both })).toSorted()).toEqual(both)
  expect(messages.at(-1)).toMatchObject({ destination: both })
  expect(clock.pending).toBe(0)
})

test('without workers the answer is empty', async () => {
  const { control, clock } = await memoryNodes()
  const request = control.inspect.active()
  await expect.poll(() => clock.pending).toBe(1)
  clock.advance(1_000)
  expect(await request).toEqual(new Map())
})

test('an aborted request rejects with the reason of the signal', async () => {
  const { control, addNode, messages, clock } = await memoryNodes()
  await addNode('celery@deaf')
  const aborting = new AbortController()
  const request = control.request('ping', {}, { signal: aborting.signal })
  await expect.poll(() => messages).toHaveLength(1)
  aborting.abort(new Error('enough'))
  await expect(request).rejects.toThrow('enough')
  expect(clock.pending).toBe(0)
  await expect(control.request('ping', {}, { signal: aborting.signal })).rejects.toThrow('enough')
  expect(messages).toHaveLength(1)
})

test('an answer that comes after its time does not count as one to the next request', async () => {
  const { control, addNode, nodes, clock, messages } = await memoryNodes()
  await addNode('celery@slow', ({ method }) => (method === 'ping' ? pong() : undefined))
  const late = control.request('stats')
  await expect.poll(() => messages).toHaveLength(1)
  await expect.poll(() => clock.pending).toBe(1)
  clock.advance(1_000)
  expect(await late).toEqual(new Map())
  const [first] = messages
  await nodes.publish([encodeControlReply(first!.replyTo!, first!.ticket, 'celery@slow', { pid: 1 })])
  expect(await control.request('ping', {}, { limit: 1 })).toEqual(new Map([['celery@slow', { ok: 'pong' }]]))
})

test('an answer that cannot be read is passed over', async () => {
  const { control, addNode, nodes, messages } = await memoryNodes()
  await addNode('celery@broken')
  const request = control.request('ping', {}, { limit: 1 })
  await expect.poll(() => messages).toHaveLength(1)
  const [{ replyTo, ticket }] = messages as [(typeof messages)[number]]
  const reply = encodeControlReply(replyTo!, ticket, 'celery@one', 'fine')
  await nodes.publish([
    { ...reply, body: Buffer.from('{') },
    { ...reply, contentType: 'application/x-python-serialize' },
    { ...reply, headers: {} },
    reply,
  ])
  expect(await request).toEqual(new Map([['celery@one', 'fine']]))
})

test('a request says until when it is worth an answer, and the clock of what was heard', async () => {
  const { control, addNode, deliveries, clock } = await memoryNodes()
  await addNode('celery@one', pong)
  await control.request('ping', {}, { limit: 1, timeout: 5 })
  await control.request('ping', {}, { limit: 1, timeout: 5 })
  const expires = clock.now() / 1_000 + 5
  expect(deliveries.map(({ headers }) => headers)).toEqual([
    { clock: 1, expires },
    { clock: 9, expires }, // the answer said 7
  ])
})

test('a command is only sent; with reply it gives what each worker made of it', async () => {
  const { control, addNode, messages } = await memoryNodes()
  await addNode('celery@one', () => ({ ok: 'new rate limit set successfully' }))
  expect(await control.rateLimit('tasks.add', '10/m')).toEqual(new Map())
  await expect.poll(() => messages).toMatchObject([{ method: 'rate_limit', replyTo: null, ticket: null }])
  expect(await control.rateLimit('tasks.add', '10/m', { reply: true, limit: 1 })).toEqual(
    new Map([['celery@one', { ok: 'new rate limit set successfully', error: null }]]),
  )
})

test('a worker that refuses says why', async () => {
  const { control, addNode } = await memoryNodes()
  await addNode('celery@one', () => ({ error: 'unknown task' }))
  const verdicts = await control.timeLimit('tasks.none', { soft: 1 }, { reply: true, limit: 1 })
  expect(verdicts.get('celery@one')).toEqual({ ok: null, error: 'unknown task' })
})

type Command = (control: ControlClient, options: CommandOptions) => Promise<Replies<unknown>>
const commands: readonly (readonly [string, Command, object])[] = [
  [
    'revoke',
    (control, options) => control.revoke('a', options as object),
    { task_id: ['a'], terminate: false, signal: 'SIGTERM' },
  ],
  [
    'revoke',
    (control) => control.revoke(['a', 'b'], { terminate: true, signal: 'SIGKILL' }),
    { task_id: ['a', 'b'], terminate: true, signal: 'SIGKILL' },
  ],
  [
    'revoke',
    (control) => control.terminate('a', { signal: 'SIGUSR1' }),
    { task_id: ['a'], terminate: true, signal: 'SIGUSR1' },
  ],
  [
    'revoke_by_stamped_headers',
    (control) => control.revokeByStampedHeaders({ customer: ['a', 'b'] }, { terminate: true }),
    { headers: { customer: ['a', 'b'] }, terminate: true, signal: 'SIGTERM' },
  ],
  [
    'rate_limit',
    (control, options) => control.rateLimit('t', null, options),
    { task_name: 't', rate_limit: null },
  ],
  [
    'time_limit',
    (control, options) => control.timeLimit('t', { soft: 1, hard: 2.5 }, options),
    { task_name: 't', soft: 1, hard: 2.5 },
  ],
  ['pool_grow', (control, options) => control.poolGrow(2, options), { n: 2 }],
  ['pool_shrink', (control, options) => control.poolShrink(undefined, options), { n: 1 }],
  ['autoscale', (control, options) => control.autoscale({ max: 8, min: 2 }, options), { max: 8, min: 2 }],
  [
    'add_consumer',
    (control) => control.addConsumer('q', { exchange: 'e', exchangeType: 'topic', routingKey: 'a.b' }),
    { queue: 'q', exchange: 'e', exchange_type: 'topic', routing_key: 'a.b' },
  ],
  ['cancel_consumer', (control, options) => control.cancelConsumer('q', options), { queue: 'q' }],
  ['enable_events', (control, options) => control.enableEvents(options), {}],
  ['disable_events', (control, options) => control.disableEvents(options), {}],
  ['heartbeat', (control, options) => control.heartbeat(options).then(() => new Map()), {}],
  ['shutdown', (control, options) => control.shutdown(options).then(() => new Map()), {}],
]

test.each(commands)('%s is sent with the arguments that Celery gives it', async (method, command, given) => {
  const { control, addNode, messages } = await memoryNodes()
  await addNode('celery@one')
  await command(control, {})
  await expect.poll(() => messages).toHaveLength(1)
  expect(messages[0]).toMatchObject({ method, arguments: given, destination: null, pattern: null })
})

test('a command can be meant for nodes that fit a pattern', async () => {
  const { control, addNode, messages } = await memoryNodes()
  await addNode('celery@one')
  await control.shutdown({ pattern: 'celery@o*' })
  await control.shutdown({ pattern: '^celery@', matcher: 'pcre' })
  await expect.poll(() => messages).toHaveLength(2)
  expect(messages).toMatchObject([
    { pattern: 'celery@o*', matcher: 'glob' },
    { pattern: '^celery@', matcher: 'pcre' },
  ])
})

test.each(['unknown', 'rejected'] as const)('a command whose outcome is %s rejects', async (outcome) => {
  const { broker, clock } = await memoryNodes()
  const deaf = withPublish(broker, (messages) => Promise.resolve(messages.map(() => outcome)))
  const control = new ControlClient({ broker: () => Promise.resolve(deaf), prefix: '', clock })
  await expect(control.enableEvents()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  await expect(control.ping()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  expect(clock.pending).toBe(0)
})

test('a client that was stopped begins anew, and a failed beginning is tried again', async () => {
  const { addNode, broker, clock } = await memoryNodes()
  await addNode('celery@one', pong)
  const faults = [new Error('no connection'), null, null]
  const control = new ControlClient({
    broker: async () => {
      const fault = faults.shift()
      if (fault) throw fault
      return broker
    },
    prefix: '',
    clock,
  })
  await expect(control.ping({ limit: 1 })).rejects.toThrow('no connection')
  expect(await control.ping({ limit: 1 })).toEqual(['celery@one'])
  await control.stop()
  await control.stop()
  expect(await control.ping({ limit: 1 })).toEqual(['celery@one'])
  expect(faults).toEqual([])
})
