import { createLogger } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { anAttempt, setup, withPublish } from './setup.ts'

/** A logger whose records can be read. */
function recording() {
  const records: Record<string, unknown>[] = []
  const write = (line: string): void => void records.push(JSON.parse(line) as Record<string, unknown>)
  return { records, logger: createLogger({ service: 'worker', level: 'debug', destination: { write } }) }
}

test('what the log says of an attempt names its run, its operator and its number', async () => {
  const { records, logger } = recording()
  const { send, executor, startWorker, broker } = await setup()
  let failures = 1
  const flaky = withPublish(broker, (messages) =>
    messages.some(({ exchange }) => exchange === '') && failures-- > 0
      ? Promise.resolve(messages.map(() => 'unknown' as const))
      : broker.publish(messages),
  )
  executor.isInstant = true
  await startWorker({ broker: flaky, logger })
  const attempt = anAttempt({ runId: 'run-7', operatorId: 'fit', attempt: 3 })
  await send(attempt)
  const messages = ['a result was not confirmed; it is published again', 'attempt ended']
  const about = () => records.filter(({ msg }) => messages.includes(String(msg)))
  await expect.poll(about).toHaveLength(2)
  for (const record of about())
    expect(record).toMatchObject({
      component: 'worker',
      run_id: 'run-7',
      operator_id: 'fit',
      attempt: 3,
      task_id: attempt.attemptId,
    })
})

test('the log holds neither parameters nor results of an operator', async () => {
  const { records, logger } = recording()
  const { send, executor, startWorker, statuses } = await setup()
  await startWorker({ logger })
  const attempt = anAttempt({ params: { column: 'payload-of-the-operator' } })
  await send(attempt)
  await expect.poll(() => executor.running).toEqual([attempt.attemptId])
  executor.finish(attempt.attemptId, {
    status: 'failed',
    failure: { code: 'TASK_FAILED', message: 'no payload-of-the-operator' },
    retryable: true,
  })
  await expect.poll(() => statuses(attempt.attemptId)).toContain('FAILURE')
  await expect.poll(() => records.map(({ msg }) => msg)).toContain('attempt failed')
  expect(JSON.stringify(records)).not.toContain('payload-of-the-operator')
})
