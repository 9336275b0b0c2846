import { signature } from '../../../src/canvas/signature.ts'
import { expect, test } from 'vitest'
import { gate, plainSetup } from './plain-setup.ts'

/** With a task that runs until it is told to end, and tells what it saw in its signal. */
async function setup() {
  const plain = await plainSetup()
  const started: string[] = []
  const aborted: { readonly id: string; readonly reason: string }[] = []
  const release = gate()
  plain.task('hang', (_args, _kwargs, { request, signal }) => {
    started.push(request.id)
    return new Promise<string>((resolve, reject) => {
      void release.opened.then(() => resolve('released'))
      signal.addEventListener('abort', () => {
        const reason = signal.reason as Error
        aborted.push({ id: request.id, reason: reason.name })
        reject(reason)
      })
    })
  })
  return { ...plain, started, aborted, release }
}

test('the soft limit aborts the signal of the handler, which may end as it likes', async () => {
  const { task, call, metaOf, startWorker } = await setup()
  task(
    'tidy',
    (_args, _kwargs, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve(`tidied after ${(signal.reason as Error).name}`)),
      ),
    { softTimeLimit: 0.05 },
  )
  await startWorker()
  const [tidy, hang] = [await call('tidy'), await call('hang', [], { soft_time_limit: 0.05 })]
  await expect.poll(() => metaOf(tidy)).toMatchObject({ result: 'tidied after SoftTimeLimitExceeded' })
  await expect
    .poll(() => metaOf(hang))
    .toMatchObject({
      status: 'FAILURE',
      result: { exc_type: 'SoftTimeLimitExceeded', exc_module: 'billiard.exceptions' },
    })
})

test('the hard limit ends a handler that is deaf, and its slot is free', async () => {
  const { task, call, metaOf, startWorker } = await setup()
  task('deaf', () => new Promise(() => undefined), { timeLimit: 0.05 })
  task('next', () => 'run')
  const worker = await startWorker({ concurrency: 1 })
  const [deaf, next] = [await call('deaf'), await call('next')]
  await expect
    .poll(() => metaOf(deaf))
    .toMatchObject({
      status: 'FAILURE',
      result: { exc_type: 'TimeLimitExceeded', exc_message: [0.05] },
    })
  await expect.poll(() => metaOf(next)).toMatchObject({ result: 'run' })
  await expect.poll(() => worker.counts()).toEqual({ active: 0, processed: 2 })
})

test('limits set by remote control hold for the runs that follow', async () => {
  const { task, call, metaOf, startWorker, control } = await setup()
  task('deaf', () => new Promise(() => undefined))
  await startWorker()
  expect(await control('time_limit', { task_name: 'deaf', hard: 0.05, soft: 0.01 })).toEqual({
    ok: 'time limits set successfully',
  })
  expect(await control('time_limit', { task_name: 'unknown', hard: 1 })).toEqual({ error: 'unknown task' })
  const id = await call('deaf')
  await expect.poll(() => metaOf(id)).toMatchObject({ result: { exc_type: 'TimeLimitExceeded' } })
})

test('a revoked task is not run: neither one that is reserved, nor one that is yet to come', async () => {
  const { call, metaOf, stateOf, startWorker, control, started, release, depth } = await setup()
  const worker = await startWorker({ concurrency: 1 })
  const [running, reserved] = [await call('hang'), await call('hang')]
  await expect.poll(() => started).toEqual([running])
  await expect.poll(() => control('reserved')).toMatchObject([{ id: reserved, name: 'hang' }])
  expect(await control('revoke', { task_id: [running, reserved, 'to-come'] })).toEqual({
    ok: expect.stringContaining('flagged as revoked'),
  })
  await call('hang', [], { task_id: 'to-come' })
  for (const id of [reserved, 'to-come'])
    await expect
      .poll(() => metaOf(id))
      .toMatchObject({
        status: 'REVOKED',
        result: { exc_type: 'TaskRevokedError', exc_message: ['revoked'] },
      })
  // Without terminate the one that runs goes on.
  release.open()
  await expect.poll(() => stateOf(running)).toBe('SUCCESS')
  expect(started).toEqual([running])
  await worker.stop()
  expect((await depth())?.messages).toBe(0)
  expect(worker.counts().processed).toBe(3)
})

test('terminate ends the one that runs, and tells its handler why', async () => {
  const { call, metaOf, startWorker, control, started, aborted } = await setup()
  await startWorker()
  const [id, other] = [await call('hang'), await call('hang')]
  await expect.poll(() => started).toHaveLength(2)
  // Flower sends numbers for what is true.
  expect(await control('revoke', { task_id: id, terminate: 1 })).toEqual({ ok: `terminate: ${id}` })
  await expect
    .poll(() => metaOf(id))
    .toMatchObject({
      status: 'REVOKED',
      result: { exc_type: 'TaskRevokedError', exc_message: ['terminated'] },
    })
  expect(aborted).toEqual([{ id, reason: 'TaskRevokedError' }])
  expect(await control('query_task', { ids: [id, other] })).toMatchObject({
    [other]: ['active', { id: other }],
  })
  expect(await control('terminate', { task_id: 'nobody' })).toEqual({ ok: 'terminate: tasks unknown' })
})

test('stamped headers revoke all tasks that carry one of the stamps', async () => {
  const { send, stateOf, startWorker, control, started } = await setup()
  await startWorker()
  const stamped = (tenant: string) =>
    send(signature('hang'), { stamped_headers: ['tenant'], tenant, headers: { tenant } })
  const [red, blue] = [await stamped('red'), await stamped('blue')]
  await expect.poll(() => started).toHaveLength(2)
  expect(
    await control('revoke_by_stamped_headers', { headers: { tenant: ['red'] }, terminate: true }),
  ).toMatchObject({ ok: expect.stringContaining('tenant') })
  await expect.poll(() => stateOf(red)).toBe('REVOKED')
  const later = await stamped('red')
  await expect.poll(() => stateOf(later)).toBe('REVOKED')
  expect(started).toEqual([red, blue])
  expect(await stateOf(blue)).toBe('PENDING')
})

test('a worker that starts hears from the others what is revoked', async () => {
  const { call, stateOf, startWorker, control, started } = await setup()
  const first = await startWorker({ queues: [] })
  await control('revoke', { task_id: 'revoked-before' })
  await call('hang', [], { task_id: 'revoked-before' })
  const second = await startWorker()
  expect(await control('revoked', {}, second.nodeName)).toEqual(['revoked-before'])
  await expect.poll(() => stateOf('revoked-before')).toBe('REVOKED')
  expect(started).toEqual([])
  await first.stop()
})
