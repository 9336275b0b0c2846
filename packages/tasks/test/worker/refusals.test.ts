import { versionHeader } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { anAttempt, setup } from './setup.ts'

test('an expired task is revoked, not run', async () => {
  const { send, executor, startWorker, heard } = await setup()
  await startWorker()
  const attempt = anAttempt()
  await send(attempt, { expires: new Date(Date.now() - 1_000).toISOString() })
  await expect
    .poll(() => heard)
    .toMatchObject([{ taskId: attempt.attemptId, status: 'REVOKED', result: { exc_message: ['expired'] } }])
  expect(executor.runs).toHaveLength(0)
})

test('a task that expires later runs', async () => {
  const { send, executor, startWorker } = await setup()
  await startWorker()
  await send(anAttempt(), { expires: new Date(Date.now() + 60_000).toISOString() })
  await expect.poll(() => executor.runs).toHaveLength(1)
})

test('a task of another name fails as not registered, for good', async () => {
  const { send, executor, startWorker, heard, waiting } = await setup()
  const worker = await startWorker()
  await send(anAttempt(), { task: 'tasks.add' })
  await expect
    .poll(() => heard)
    .toMatchObject([
      {
        status: 'FAILURE',
        result: { exc_type: 'NotRegistered', code: 'TASK_ALGORITHM_NOT_FOUND', retryable: false },
      },
    ])
  await worker.stop()
  expect(await waiting()).toBe(0)
  expect(executor.runs).toHaveLength(0)
})

test.for([
  ['a body that is no JSON', { body: Buffer.from('{') }],
  ['another content type', { contentType: 'application/x-python-serialize' }],
  ['no headers', { headers: {} }],
  ['a body of another shape', { body: Buffer.from('{"args": []}') }],
  ['kwargs that are not an attempt', { body: Buffer.from('[[], {"run_id": 1}, {}]') }],
] as const)('a message with %s is parked with the reason, and its sender told', async ([, broken]) => {
  const { client, executor, startWorker, messageOf, parked, heard, send, queue } = await setup()
  await startWorker()
  const attempt = anAttempt()
  await client.publish([{ ...messageOf(attempt), ...broken }])
  await expect.poll(() => parked).toHaveLength(1)
  expect(parked[0]?.headers).toMatchObject({
    'x-celeriac-reason': 'BROKER_MESSAGE_MALFORMED',
    'x-celeriac-queue': queue,
  })
  await expect
    .poll(() => heard)
    .toMatchObject([
      {
        taskId: attempt.attemptId,
        status: 'FAILURE',
        result: { code: 'BROKER_MESSAGE_MALFORMED', retryable: false },
      },
    ])
  await send(anAttempt())
  await expect.poll(() => executor.runs).toHaveLength(1)
})

test('a task that only newer workers can read is parked, and may still be run: nobody is told that it failed', async () => {
  const { client, executor, startWorker, messageOf, parked, heard, send, queue } = await setup()
  await startWorker()
  const message = messageOf(anAttempt())
  await client.publish([{ ...message, headers: { ...message.headers, [versionHeader]: 99 } }])
  await expect.poll(() => parked).toHaveLength(1)
  expect(parked[0]?.headers).toMatchObject({
    'x-celeriac-reason': 'unknown_version',
    'x-celeriac-queue': queue,
  })
  const next = anAttempt()
  await send(next)
  await expect.poll(() => executor.runs).toHaveLength(1)
  executor.finish(next.attemptId)
  await expect.poll(() => heard.map(({ taskId }) => taskId)).toContain(next.attemptId)
  expect(new Set(heard.map(({ taskId }) => taskId))).toEqual(new Set([next.attemptId]))
})

test('a date of expiry that is none is malformed', async () => {
  const { send, startWorker, parked } = await setup()
  await startWorker()
  await send(anAttempt(), { expires: 'tomorrow' })
  await expect.poll(() => parked).toHaveLength(1)
})
