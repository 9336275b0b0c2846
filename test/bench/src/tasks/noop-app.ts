/** The application of the task benchmark: called by the driver, run by `celeriac worker --import`. */
import { Celeriac } from '@celeriac/tasks'
import { z } from 'zod'

const environment = z
  .object({ BENCH_AMQP_URL: z.url(), BENCH_BACKEND: z.string(), BENCH_QUEUE: z.string() })
  // oxlint-disable-next-line node/no-process-env -- the configuration of this program
  .safeParse(process.env)

export interface NoopAppOptions {
  readonly amqpUrl: string
  /** `rpc://` or `redis://…`. */
  readonly backend: string
  readonly queue: string
}

/** Tasks of the same names and options as those of `python/celery_bench.py`. */
export function noopApp({ amqpUrl, backend, queue }: NoopAppOptions) {
  const application = new Celeriac({
    broker: amqpUrl,
    backend,
    defaultQueue: queue,
    delayQueueType: 'classic',
  })
  return {
    application,
    noop: application.task('bench.noop', z.tuple([]), () => null, { ignoreResult: true }),
    echo: application.task('bench.echo', z.tuple([z.int()]), ([value]) => value),
  }
}

/** What a worker imports: made of its environment; null in the driver, which makes its own. */
export const app = environment.success
  ? noopApp({
      amqpUrl: environment.data.BENCH_AMQP_URL,
      backend: environment.data.BENCH_BACKEND,
      queue: environment.data.BENCH_QUEUE,
    }).application
  : null
