import { EventEmitter } from 'node:events'
import { runServices, type Service, silentLogger, startServices } from '@celeriac/runtime'
import { expect, test, vi } from 'vitest'

/** Only ends the wait for what never comes. */
const patience = { timeout: 20_000 }

function setup() {
  const events: string[] = []
  const signals = new EventEmitter()
  const service = (
    name: string,
    behaviour: { fails?: boolean; stopHangs?: boolean; stopFails?: boolean } = {},
  ): Service => {
    const { promise: released, resolve: release } = withResolvers()
    return {
      name,
      start: async () => {
        events.push(`start ${name}`)
        if (behaviour.fails === true) throw new Error(`${name} cannot start`)
      },
      stop: async () => {
        events.push(`stop ${name}`)
        if (behaviour.stopFails === true) throw new Error(`${name} cannot stop`)
        if (behaviour.stopHangs === true) await released
      },
      abort: async () => {
        events.push(`abort ${name}`)
        release()
      },
    }
  }
  return { events, signals, service, logger: silentLogger() }
}

function withResolvers() {
  let resolve!: () => void
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

test('services start in order and stop in reverse', async () => {
  const { events, service, logger } = setup()
  const running = await startServices([service('store'), service('broker'), service('api')], { logger })
  await running.stop()
  expect(events).toEqual([
    'start store',
    'start broker',
    'start api',
    'stop api',
    'stop broker',
    'stop store',
  ])
})

test('every caller of stop awaits the same stop', async () => {
  const { events, service, logger } = setup()
  const running = await startServices([service('store')], { logger })
  await Promise.all([running.stop(), running.stop()])
  await running.stop()
  expect(events).toEqual(['start store', 'stop store'])
})

test('a service that cannot start is stopped with those before it, and its fault is thrown', async () => {
  const { events, service, logger } = setup()
  const services = [service('store'), service('broker', { fails: true }), service('api')]
  await expect(startServices(services, { logger })).rejects.toThrow('broker cannot start')
  expect(events).toEqual(['start store', 'start broker', 'stop broker', 'stop store'])
})

test('a service that cannot stop does not keep the others running', async () => {
  const { events, service, logger } = setup()
  const running = await startServices([service('store'), service('broker', { stopFails: true })], { logger })
  await running.stop()
  expect(events.slice(2)).toEqual(['stop broker', 'stop store'])
})

test.each(['SIGTERM', 'SIGINT'] as const)('the first %s stops in good order', async (signal) => {
  const { events, signals, service, logger } = setup()
  const onStarted = vi.fn()
  const outcome = runServices([service('store'), service('api')], { logger, signals, onStarted })
  await vi.waitFor(() => expect(onStarted).toHaveBeenCalledOnce(), patience)
  signals.emit(signal)
  await expect(outcome).resolves.toBe('stopped')
  expect(events.slice(2)).toEqual(['stop api', 'stop store'])
})

test('a second signal aborts a stop that hangs', async () => {
  const { events, signals, service, logger } = setup()
  const outcome = runServices([service('store'), service('worker', { stopHangs: true })], { logger, signals })
  await vi.waitFor(() => expect(events).toContain('start worker'), patience)
  signals.emit('SIGTERM')
  await vi.waitFor(() => expect(events).toContain('stop worker'), patience)
  signals.emit('SIGTERM')
  await expect(outcome).resolves.toBe('aborted')
  expect(events).toContain('abort worker')
})

test('SIGQUIT aborts at once', async () => {
  const { events, signals, service, logger } = setup()
  const outcome = runServices([service('worker', { stopHangs: true })], { logger, signals })
  await vi.waitFor(() => expect(events).toContain('start worker'), patience)
  signals.emit('SIGQUIT')
  await expect(outcome).resolves.toBe('aborted')
  expect(events).toContain('abort worker')
})

test('a signal during the start stops what has started', async () => {
  const { events, signals, service, logger } = setup()
  const slow: Service = {
    name: 'slow',
    start: (signal) =>
      new Promise((_resolve, reject) => {
        events.push('start slow')
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
    stop: async () => {
      events.push('stop slow')
    },
  }
  const outcome = runServices([service('store'), slow, service('api')], { logger, signals })
  await vi.waitFor(() => expect(events).toContain('start slow'), patience)
  signals.emit('SIGINT')
  await expect(outcome).resolves.toBe('stopped')
  expect(events).toEqual(['start store', 'start slow', 'stop slow', 'stop store'])
})

test('no signal listener is left behind', async () => {
  const { signals, service, logger } = setup()
  const outcome = runServices([service('store', { fails: true })], { logger, signals })
  await expect(outcome).rejects.toThrow('store cannot start')
  expect(signals.eventNames()).toEqual([])
})
