/**
 * Round trips, `(await task.delay(n)).get()` one after the other, over each result backend; and the same with RabbitMQ's
 * direct reply-to on the bare driver. Workers stay up for all rounds: a fresh one would be measured cold.
 */
import { CeleryClient } from './celery-client.ts'
import { noopApp } from './noop-app.ts'
import { RawClient } from './raw-client.ts'
import { startWorker, type Commands, type Place, type SubjectName } from './subjects.ts'

export type BackendName = 'rpc' | 'redis'

/** One client with its worker. */
export interface RoundTrips {
  readonly subject: SubjectName
  readonly backend: BackendName
  /** Milliseconds of each call. */
  measure(calls: number, warmUp: number): Promise<readonly number[]>
  stop(): Promise<void>
}

export interface RoundTripsOptions {
  readonly amqpUrl: string
  readonly redisUrl: string
  readonly commands: Commands
}

export function startRoundTrips(
  subject: SubjectName,
  backend: BackendName,
  { amqpUrl, redisUrl, commands }: RoundTripsOptions,
): Promise<RoundTrips> {
  const place = {
    amqpUrl,
    backend: backend === 'rpc' ? 'rpc://' : redisUrl,
    queue: `bench-${subject}-${backend}`,
  }
  switch (subject) {
    case 'raw':
      return rawRoundTrips(place, commands)
    case 'celeriac':
      return Promise.resolve(ourRoundTrips(place, backend, commands))
    case 'celery_prefork':
    case 'celery_solo':
      return Promise.resolve(celeryRoundTrips(subject, place, backend, commands))
  }
}

async function timed(
  calls: number,
  warmUp: number,
  call: (value: number) => Promise<unknown>,
): Promise<number[]> {
  for (let value = 0; value < warmUp; value++) await call(value)
  const taken: number[] = []
  for (let value = 0; value < calls; value++) {
    const startedAt = performance.now()
    await call(value)
    taken.push(performance.now() - startedAt)
  }
  return taken
}

function ourRoundTrips(place: Place, backend: BackendName, commands: Commands): RoundTrips {
  const { application, echo } = noopApp(place)
  const worker = startWorker('celeriac', place, commands)
  return {
    subject: 'celeriac',
    backend,
    measure: (calls, warmUp) =>
      worker.during(
        timed(calls, warmUp, async (value) => {
          if ((await (await echo.delay(value)).get()) !== value)
            throw new Error("a task answered with another task's result")
        }),
      ),
    stop: async () => {
      await application.stop()
      await worker.stop()
    },
  }
}

function celeryRoundTrips(
  subject: 'celery_prefork' | 'celery_solo',
  place: Place,
  backend: BackendName,
  commands: Commands,
): RoundTrips {
  const worker = startWorker(subject, place, commands)
  const client = new CeleryClient(place, commands)
  return {
    subject,
    backend,
    measure: (calls, warmUp) => worker.during(client.latency(calls, warmUp)),
    stop: async () => {
      await client.stop()
      await worker.stop()
    },
  }
}

async function rawRoundTrips(place: Place, commands: Commands): Promise<RoundTrips> {
  const client = await RawClient.connect(place.amqpUrl, place.queue)
  const worker = startWorker('raw', place, commands)
  return {
    subject: 'raw',
    backend: 'rpc',
    measure: (calls, warmUp) => worker.during(timed(calls, warmUp, () => client.call(false))),
    stop: async () => {
      await worker.stop()
      await client.close()
    },
  }
}
