import { maxMessageBytes } from '@celeriac/core'
import { expect, onTestFinished, test } from 'vitest'
import { patientClock, setupClient, type GivenCall } from './setup-client.ts'

const answerAll = (call: GivenCall): void => call.succeed()
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, row) => [from + row])

test('each caller gets the answers to its own rows', async () => {
  const { call } = await setupClient(answerAll)
  const answers = await Promise.all([call(numbers(3)), call(numbers(1, 10)), call(numbers(2, 20))])
  expect(answers.map(({ predictions }) => predictions.map((row) => row['predict_result']))).toEqual([
    [0, 1, 2],
    [10],
    [20, 21],
  ])
  expect(answers[0]?.computeMs).toBe(2)
})

test('requests of one version share a message while others are under way; of another version they do not', async () => {
  const held: GivenCall[] = []
  const { call, messages } = await setupClient((given) => held.push(given), { clock: patientClock })
  const first = call(numbers(1))
  await expect.poll(() => held.length).toBe(1)
  const second = call(numbers(1))
  await expect.poll(() => held.length).toBe(2)
  // The window is full: what comes now gathers.
  const more = [call(numbers(2)), call(numbers(3)), call(numbers(1))]
  const other = call(numbers(1), { uri: 'file:///other' })
  await expect.poll(() => held.length).toBe(3)
  expect(held[2]!.message.kwargs['model_uri']).toBe('file:///other')
  held[0]!.succeed()
  await expect.poll(() => held.length).toBe(4)
  expect(held[3]!.rows).toEqual([[0], [1], [0], [1], [2], [0]])
  for (const given of held.slice(1)) given.succeed()
  const all = await Promise.all([first, second, other, ...more])
  expect(all.map(({ predictions }) => predictions.length)).toEqual([1, 1, 1, 2, 3, 1])
  expect(messages).toEqual([1, 1, 1, 6])
})

test('a call to a quiet lane leaves in its own turn of the event loop', async () => {
  const { call, messages } = await setupClient(answerAll)
  await call(numbers(1))
  const lone = call(numbers(1))
  // Before anything else of the loop has its turn.
  await new Promise<void>((resolve) => process.nextTick(resolve))
  expect(messages).toEqual([1, 1])
  await lone
})

test('calls of one turn of the event loop share a message where calls came side by side before', async () => {
  const { call, messages } = await setupClient(answerAll)
  await Promise.all([call(numbers(1)), call(numbers(2))])
  expect(messages).toEqual([3])
  const first = call(numbers(1))
  await new Promise<void>((resolve) => process.nextTick(resolve))
  const second = call(numbers(1))
  await Promise.all([first, second])
  expect(messages).toEqual([3, 2])
})

test('a large request is split into messages and put together again', async () => {
  const { call, messages } = await setupClient(answerAll)
  const { predictions } = await call(numbers(1_000))
  expect(predictions.map((row) => row['predict_result'])).toEqual(numbers(1_000).flat())
  expect(messages).toEqual([250, 250, 250, 250])
  const long = await call([['x'.repeat(100_000)], ['y'.repeat(100_000)]])
  expect(long.predictions).toHaveLength(2)
  await expect(call([['x'.repeat(maxMessageBytes)]])).rejects.toMatchObject({
    code: 'BROKER_MESSAGE_TOO_LARGE',
  })
})

test('an answer too large for a message is asked for in halves', async () => {
  const { call } = await setupClient((given) => {
    if (given.rows.length > 10) given.fail('BROKER_MESSAGE_TOO_LARGE')
    else given.succeed()
  })
  const { predictions } = await call(numbers(40))
  expect(predictions.map((row) => row['predict_result'])).toEqual(numbers(40).flat())
})

test('one bad row fails its own request, with the paths of that request', async () => {
  const { call } = await setupClient(({ rows, fail, succeed }) => {
    const bad = rows.findIndex(([value]) => value === 13)
    if (bad === -1) succeed()
    else fail('VALIDATION_ROW_INVALID', { fields: [{ path: `rows[${bad}].x` }] })
  })
  const results = await Promise.allSettled([call(numbers(2)), call([[1], [13]]), call(numbers(3))])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(results[1]).toMatchObject({
    reason: { code: 'VALIDATION_ROW_INVALID', details: { fields: [{ path: 'rows[1].x' }] } },
  })
})

test('a fault of the model itself is not tried again for each request', async () => {
  const { call, messages } = await setupClient(({ fail }) => fail('TASK_ARTIFACT_NOT_FOUND'))
  const results = await Promise.allSettled([call(numbers(1)), call(numbers(1))])
  expect(results).toMatchObject([
    { reason: { code: 'TASK_ARTIFACT_NOT_FOUND' } },
    { reason: { code: 'TASK_ARTIFACT_NOT_FOUND' } },
  ])
  expect(messages).toEqual([2])
})

test('an answer that leaves rows out, or is none, is a defect and answers nobody wrongly', async () => {
  const { call } = await setupClient(({ succeed }) => succeed([]))
  await expect(call(numbers(2))).rejects.toMatchObject({ code: 'INTERNAL_ERROR' })
})

test('the shortest deadline ends its own request alone, and the message lives as long as the longest', async () => {
  const held: GivenCall[] = []
  const { call } = await setupClient((given) => held.push(given))
  const short = call(numbers(1), { waitMs: 50 })
  const long = call(numbers(1, 5))
  await expect(short).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
  expect(held).toHaveLength(1)
  expect(held[0]!.delivery.expirationMs ?? Infinity).toBeGreaterThan(10_000)
  held[0]!.succeed()
  expect((await long).predictions).toEqual([{ predict_result: 5 }])
})

test('a caller that has gone is not asked for', async () => {
  const { call, messages } = await setupClient(answerAll)
  const gone = call(numbers(1), { signal: AbortSignal.abort() })
  const stays = call(numbers(1, 7))
  await expect(gone).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
  expect((await stays).predictions).toEqual([{ predict_result: 7 }])
  expect(messages).toEqual([1])
})

test('messages of a worker that hangs do not hold up others', async () => {
  const held: GivenCall[] = []
  let isHanging = true
  const { call } = await setupClient((given) => {
    if (isHanging) held.push(given)
    else given.succeed()
  })
  const hanging = [call(numbers(1))]
  await expect.poll(() => held.length).toBe(1)
  hanging.push(call(numbers(1)))
  await expect.poll(() => held.length).toBe(2)
  isHanging = false
  expect((await call(numbers(1, 9))).predictions).toEqual([{ predict_result: 9 }])
  // What was overdue is answered all the same.
  for (const given of held) given.succeed()
  expect(await Promise.all(hanging)).toHaveLength(2)
})

test('without a worker a request is refused at once, and taken when one is there', async () => {
  const { call, work } = await setupClient(answerAll, { isServed: false })
  await expect(call(numbers(1))).rejects.toMatchObject({
    code: 'PREDICT_SHED',
    details: { reason: 'no_worker' },
  })
  await work()
  await expect
    .poll(() => call(numbers(1)).then(() => 'answered', String), { timeout: 10_000 })
    .toBe('answered')
})

test('what was under way when the connection broke is sent again', async () => {
  const held: GivenCall[] = []
  const { call, reconnect } = await setupClient((given) => held.push(given))
  const answer = call(numbers(1, 3))
  await expect.poll(() => held.length).toBe(1)
  reconnect()
  await expect.poll(() => held.length).toBeGreaterThan(1)
  for (const given of held) given.succeed()
  expect((await answer).predictions).toEqual([{ predict_result: 3 }])
})

test('a stopping scheduler refuses what waits', async () => {
  const held: GivenCall[] = []
  const { call, client } = await setupClient((given) => held.push(given))
  const waiting = call(numbers(1))
  await expect.poll(() => held.length).toBe(1)
  const refused = expect(waiting).rejects.toMatchObject({ code: 'PREDICT_SHED' })
  await client.stop()
  await refused
  await expect(call(numbers(1))).rejects.toMatchObject({ code: 'PREDICT_SHED' })
})

test('a deadline that passes while the broker is away is the answer, and nothing is left unhandled', async () => {
  const { broker, call } = await setupClient(answerAll)
  await call(numbers(1))
  // The connection is gone: what is published waits for the next one.
  let settle = (): void => {}
  broker.publish = () => new Promise((resolve) => (settle = () => resolve(['unknown'])))
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): number => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  onTestFinished(() => void process.off('unhandledRejection', onUnhandled))
  await expect(call(numbers(1), { waitMs: 50 })).rejects.toMatchObject({ code: 'PREDICT_DEADLINE' })
  settle()
  expect(unhandled).toEqual([])
})
