import { isAppError } from '@celeriac/core'
import { loadConfig } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { inheritedEnvironment, workerConfigSchema } from '../src/config.ts'

test('a worker needs the broker only; the rest has defaults', () => {
  const { config } = loadConfig(workerConfigSchema, { env: { CELERIAC_AMQP_URL: 'amqp://127.0.0.1' } })
  expect(config).toMatchObject({
    queues: null,
    executors: [],
    executor: {},
    name: null,
    httpPort: 8781,
    drainTimeoutS: 30,
    handOverAfterS: 600,
    minFreeDiskMib: 256,
    taskMemoryMib: null,
  })
  expect(config.concurrency).toBeGreaterThan(0)
})

test('settings of plain tasks are read as users of Celery write them', () => {
  const read = (flags: object) => {
    const { config } = loadConfig(workerConfigSchema, { flags: { amqpUrl: 'amqp://127.0.0.1', ...flags } })
    return config
  }
  expect(read({})).toMatchObject({
    import: [],
    pool: 'inline',
    autoscale: null,
    taskEvents: false,
    timeLimit: null,
  })
  const flags = { import: './a.js,b', pool: 'child', autoscale: '10,3', taskEvents: 'true', timeLimit: '60' }
  expect(read(flags)).toMatchObject({
    import: ['./a.js', 'b'],
    pool: 'child',
    autoscale: { max: 10, min: 3 },
    taskEvents: true,
    timeLimit: 60,
  })
  expect(read({ autoscale: '10' }).autoscale).toEqual({ max: 10, min: 1 })
  for (const autoscale of ['3,10', '0', 'many', '1,1,1']) expect(() => read({ autoscale })).toThrow('fault')
  expect(() => read({ pool: 'prefork' })).toThrow('fault')
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

test('a hand-over that would come after the limit of RabbitMQ is refused with the reason', () => {
  const env = { CELERIAC_AMQP_URL: 'amqp://127.0.0.1', CELERIAC_HAND_OVER_AFTER: '1800' }
  expect(() => loadConfig(workerConfigSchema, { env })).toThrow(
    expect.objectContaining({
      details: {
        problems: [
          expect.objectContaining({
            message: expect.stringContaining('must be below 1800: RabbitMQ takes back') as unknown,
          }),
        ],
      },
    }),
  )
  const { config } = loadConfig(workerConfigSchema, { env: { ...env, CELERIAC_HAND_OVER_AFTER: '1799' } })
  expect(config.handOverAfterS).toBe(1_799)
})
