import type { Logger } from './logger.ts'

/**
 * Start and stop of a program's parts.
 *
 * Services start one after the other and stop in reverse, so a service may rely on those before it. The first SIGTERM
 * or SIGINT stops them in good order (each finishes or hands back its work); the second one aborts, and so does the first
 * SIGQUIT: services with an `abort` are told to drop their work, and nobody waits any longer. A start that fails stops what has started.
 * `stop` is idempotent: every caller awaits the same stop.
 */

export interface Service {
  /** For the log. */
  readonly name: string
  /** Resolves when the service works. `signal` aborts when the program is told to end before that. */
  start(signal: AbortSignal): Promise<void>
  /** Finishes or hands back its work. Idempotent, legal before `start`. */
  stop(): Promise<void>
  /** Drops its work at once; called during a `stop` that takes too long for the user. */
  abort?(): Promise<void>
}

export interface RunningServices {
  stop(): Promise<void>
  abort(): Promise<void>
}

async function stopInReverse(services: readonly Service[], logger: Logger): Promise<void> {
  for (const service of services.toReversed()) {
    try {
      await service.stop()
    } catch (err) {
      // One that cannot stop must not keep the others running.
      logger.error({ err, stopped_service: service.name }, 'service did not stop cleanly')
    }
  }
}

/** Starts all services in order. Rejects with the fault of the one that failed, after stopping the others. */
export async function startServices(
  services: readonly Service[],
  options: { readonly logger: Logger; readonly signal?: AbortSignal },
): Promise<RunningServices> {
  const { logger, signal = new AbortController().signal } = options
  const begun: Service[] = []
  try {
    for (const service of services) {
      signal.throwIfAborted()
      begun.push(service)
      await service.start(signal)
      logger.debug({ started_service: service.name }, 'service started')
    }
  } catch (error) {
    await stopInReverse(begun, logger)
    throw error
  }
  let stopping: Promise<void> | undefined
  return {
    stop: () => (stopping ??= stopInReverse(begun, logger)),
    abort: async () => {
      await Promise.allSettled(begun.toReversed().map(async (service) => service.abort?.()))
    },
  }
}

/** What `runServices` needs of a process; tests pass an EventEmitter. */
export interface SignalSource {
  on(event: 'SIGTERM' | 'SIGINT' | 'SIGQUIT', listener: () => void): unknown
  off(event: 'SIGTERM' | 'SIGINT' | 'SIGQUIT', listener: () => void): unknown
}

export interface RunServicesOptions {
  readonly logger: Logger
  readonly signals?: SignalSource
  /** Called once, when all services work. */
  readonly onStarted?: () => void
}

/**
 * Runs the services until the process is told to end. Resolves with how they ended: 'stopped' in good order, or
 * 'aborted' by a second signal. Rejects when a service cannot start.
 */
export async function runServices(
  services: readonly Service[],
  { logger, signals = process, onStarted }: RunServicesOptions,
): Promise<'stopped' | 'aborted'> {
  const first = new AbortController()
  const second = new AbortController()
  const onSignal = (): void => {
    if (!first.signal.aborted) {
      logger.info('stopping; a second signal aborts')
      first.abort()
    } else if (!second.signal.aborted) {
      logger.warn('aborting')
      second.abort()
    }
  }
  const onQuit = (): void => {
    first.abort()
    onSignal()
  }
  signals.on('SIGTERM', onSignal)
  signals.on('SIGINT', onSignal)
  signals.on('SIGQUIT', onQuit)
  try {
    const running = await startServices(services, { logger, signal: first.signal })
    onStarted?.()
    await aborted(first.signal)
    const stopped = running.stop().then(() => 'stopped' as const)
    const outcome = await Promise.race([stopped, aborted(second.signal).then(() => 'aborted' as const)])
    if (outcome === 'aborted') await running.abort()
    return outcome
  } catch (error) {
    // Told to end while starting: that is a stop, not a fault.
    if (first.signal.aborted && error === first.signal.reason) return 'stopped'
    throw error
  } finally {
    signals.off('SIGTERM', onSignal)
    signals.off('SIGINT', onSignal)
    signals.off('SIGQUIT', onQuit)
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
