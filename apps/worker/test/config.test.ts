import { isAppError } from '@celeriac/core'
import { loadConfig } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { inheritedEnvironment, workerConfigSchema } from '../src/config.ts'

test('a worker needs the broker only; the rest has defaults', () => {
  const { config } = loadConfig(workerConfigSchema, { env: { CELERIAC_AMQP_URL: 'amqp://127.0.0.1' } })
  expect(config).toMatchObject({
    queues: ['local', 'predict'],
    name: null,
    httpPort: 8781,
    drainTimeoutS: 30,
    taskMemoryMib: null,
  })
  expect(config.concurrency).toBeGreaterThan(0)
})

test('all faults are reported at once', () => {
  const env = { CELERIAC_CONCURRENCY: 'many', CELERIAC_HTTP_PORT: '99999' }
  try {
    loadConfig(workerConfigSchema, { env })
    expect.unreachable()
  } catch (error) {
    const problems = isAppError(error) ? (error.details['problems'] as { setting: string }[]) : []
    expect(problems.map(({ setting }) => setting)).toEqual(
      expect.arrayContaining(['amqpUrl', 'concurrency', 'httpPort']),
    )
  }
})

test('operators do not inherit the secrets of the platform', () => {
  process.env['CELERIAC_API_TOKEN'] = 'secret'
  try {
    const environment = inheritedEnvironment()
    expect(environment).not.toHaveProperty('CELERIAC_API_TOKEN')
    expect(environment).toHaveProperty('PATH')
  } finally {
    delete process.env['CELERIAC_API_TOKEN']
  }
})
