/** The application of the soak: called by the driver, run by `celeriac worker --import`. */
import { Celeriac, TaskError } from '@celeriac/tasks'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { fateKinds, maxRetries } from './fate.ts'

export interface SoakPlace {
  readonly amqpUrl: string
  readonly redisUrl: string
  readonly keyPrefix: string
}

/** A hash: index of a task → how often its handler was started. */
export const executionsKey = (keyPrefix: string): string => `${keyPrefix}executions`

const failure = (): TaskError => new TaskError(['as drawn'], { excType: 'ValueError', excModule: 'builtins' })

export function soakApp({ amqpUrl, redisUrl, keyPrefix }: SoakPlace) {
  const application = new Celeriac({
    broker: amqpUrl,
    backend: redisUrl,
    keyPrefix,
    delayQueueType: 'classic',
  })
  let ledger: Redis | null = null
  const soak = application.task(
    'soak.task',
    z.tuple([z.int(), z.enum(fateKinds), z.int(), z.number()]),
    async ([index, kind, failures, countdown], context) => {
      ledger ??= new Redis(redisUrl, { enableAutoPipelining: true })
      await ledger.hincrby(executionsKey(keyPrefix), String(index), 1)
      switch (kind) {
        case 'succeed':
        case 'succeed_later':
          return index
        case 'fail':
          throw failure()
        case 'retry_then_succeed':
          return context.request.retries < failures ? context.retry({ cause: failure(), countdown }) : index
        case 'retry_out':
          return context.retry({ cause: failure(), countdown })
        case 'revoked_waiting':
        case 'revoked_running':
          // Ends by its revocation only.
          return new Promise<never>((_, reject) => {
            const end = (): void => reject(context.signal.reason as Error)
            if (context.signal.aborted) end()
            context.signal.addEventListener('abort', end)
          })
      }
    },
    { maxRetries },
  )
  return { application, soak }
}

const environment = z
  .object({ SOAK_AMQP_URL: z.url(), SOAK_REDIS_URL: z.url(), SOAK_KEY_PREFIX: z.string() })
  // oxlint-disable-next-line node/no-process-env -- the configuration of this program
  .safeParse(process.env)

/** What a worker imports: made of its environment; null in the driver, which makes its own. */
export const app = environment.success
  ? soakApp({
      amqpUrl: environment.data.SOAK_AMQP_URL,
      redisUrl: environment.data.SOAK_REDIS_URL,
      keyPrefix: environment.data.SOAK_KEY_PREFIX,
    }).application
  : null
