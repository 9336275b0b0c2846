/** What one caller, one model or one worker can do to the others. */
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { setupClient, type GivenCall } from './setup-client.ts'

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, row) => [from + row])

test('a request without rows is answered with none, and its neighbours with theirs', async () => {
  const { call } = await setupClient((given) => given.succeed())
  const [none, one] = await Promise.all([call([]), call(numbers(1, 7))])
  expect([none!.predictions, one!.predictions]).toEqual([[], [{ predict_result: 7 }]])
})

test('rows that are named as bad fail their own requests; all others share one more message', async () => {
  const bad = new Set([13, 31])
  const { call, messages } = await setupClient(({ rows, fail, succeed }) => {
    const places = rows.flatMap(([value], index) => (bad.has(value as number) ? [index] : []))
    if (places.length === 0) succeed()
    else fail('VALIDATION_ROW_INVALID', { fields: places.map((place) => ({ path: `rows[${place}].x` })) })
  })
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => call(numbers(2, 2 * index))),
  )
  const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [[index, result]] : []))
  const reason = { code: 'VALIDATION_ROW_INVALID', details: { fields: [{ path: 'rows[1].x' }] } }
  expect(failed).toMatchObject([
    [6, { reason }],
    [15, { reason }],
  ])
  expect(messages).toEqual([100, 96])
})

test('a bad row that is not named is found in a few steps', async () => {
  const { call, messages } = await setupClient(({ rows, fail, succeed }) => {
    if (rows.some(([value]) => value === 13)) fail('VALIDATION_ROW_INVALID', { reason: 'who knows' })
    else succeed()
  })
  const results = await Promise.allSettled(numbers(64).map((row) => call([row])))
  expect(results.map(({ status }) => status).indexOf('rejected')).toBe(13)
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(messages).toHaveLength(1 + 16 + 4)
})

test('a bad row of a large request is named by its place in the whole', async () => {
  const { call } = await setupClient(({ rows, fail, succeed }) => {
    const bad = rows.findIndex(([value]) => value === 700)
    if (bad === -1) succeed()
    else fail('VALIDATION_ROW_INVALID', { fields: [{ path: `rows[${bad}].x` }] })
  })
  await expect(call(numbers(1_000))).rejects.toMatchObject({ details: { fields: [{ path: 'rows[700].x' }] } })
})

test('answers that were too large make the messages of their version smaller from then on', async () => {
  const { call, messages } = await setupClient(({ rows, fail, succeed }) => {
    if (rows.length > 40) fail('BROKER_MESSAGE_TOO_LARGE')
    else succeed()
  })
  const callMany = () => Promise.all(numbers(64).map((row) => call([row])))
  await callMany()
  const learning = messages.length
  await callMany()
  expect(messages.slice(learning)).toEqual([32, 32])
})

test('a model that answers slowly, or not yet, keeps its place among the messages that workers hold', async () => {
  const clock = new FakeClock(Date.now())
  const held: GivenCall[] = []
  const { call } = await setupClient(
    (given) => {
      if (given.message.kwargs['model_uri'] === 'file:///slow') held.push(given)
      else given.succeed()
    },
    { clock },
  )
  const slow = Array.from({ length: 4 }, () => call(numbers(1), { uri: 'file:///slow' }))
  await expect.poll(() => held.length).toBe(1)
  slow.push(call(numbers(1), { uri: 'file:///slow' }))
  await expect.poll(() => held.length).toBe(2)
  slow.push(call(numbers(1), { uri: 'file:///slow' }))
  // Fast answers of another model say nothing about this one.
  for (let round = 0; round < 20; round++) {
    await call(numbers(1), { uri: 'file:///fast' })
    clock.advance(20)
  }
  expect(held).toHaveLength(2)
  for (const given of held) given.succeed()
  await expect.poll(() => held.length).toBe(3)
  held[2]!.succeed()
  expect(await Promise.all(slow)).toHaveLength(6)
})

test('what a frozen worker holds is asked of another one, once', async () => {
  const clock = new FakeClock(Date.now())
  const held: GivenCall[] = []
  let isFrozen = false
  const { call, work, messages } = await setupClient(
    (given) => {
      if (isFrozen) held.push(given)
      else given.succeed()
    },
    { clock },
  )
  await work()
  await call(numbers(1))
  clock.advance(1_000)
  await call(numbers(1))
  isFrozen = true
  const waiting = call(numbers(1, 5))
  await expect.poll(() => held.length).toBe(1)
  clock.advance(2_000)
  await expect.poll(() => held.length).toBe(2)
  clock.advance(20_000)
  expect([held[1]!.message.id, held.length]).toEqual([held[0]!.message.id, 2])
  held[1]!.succeed()
  expect((await waiting).predictions).toEqual([{ predict_result: 5 }])
  // Its late answer finds nobody.
  held[0]!.succeed([{ predict_result: 'late' }])
  isFrozen = false
  expect((await call(numbers(1, 6))).predictions).toEqual([{ predict_result: 6 }])
  expect(messages).toEqual([1, 1, 1, 1])
})

test('when nobody is left to answer, what waits is refused and not sent first', async () => {
  const { call, client, messages } = await setupClient(() => undefined)
  const waiting = [call(numbers(1))]
  await expect.poll(() => messages.length).toBe(1)
  waiting.push(call(numbers(1)))
  await expect.poll(() => messages.length).toBe(2)
  waiting.push(call(numbers(1)), call(numbers(1)))
  await new Promise(setImmediate)
  const ended = Promise.allSettled(waiting)
  await client.stop()
  expect((await ended).map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
  expect(messages).toEqual([1, 1])
})

test('what waits is bounded in bytes, whatever it is asked of; answers make room again', async () => {
  const held: GivenCall[] = []
  const { call } = await setupClient((given) => held.push(given), { mostWaitingBytes: 1_000 })
  const waiting = ['a', 'b'].map((name) => call([['x'.repeat(400)]], { uri: `file:///${name}` }))
  await expect.poll(() => held.length).toBe(2)
  await expect(call([['x'.repeat(400)]])).rejects.toMatchObject({
    code: 'PREDICT_SHED',
    details: { reason: 'memory' },
  })
  held[0]!.fail('TASK_ARTIFACT_NOT_FOUND')
  await expect(waiting[0]).rejects.toMatchObject({ code: 'TASK_ARTIFACT_NOT_FOUND' })
  const next = call([['x'.repeat(400)]])
  await expect.poll(() => held.length).toBe(3)
  for (const given of held.slice(1)) given.succeed()
  expect(await Promise.all([waiting[1], next])).toHaveLength(2)
})
