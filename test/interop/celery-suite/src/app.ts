import { Celeriac, type TaskValue } from '@celeriac/tasks'
import { z } from 'zod'

/** The variables that Celery's integration suite uses itself. */
const environment = z
  .object({
    TEST_BROKER: z.string().default('amqp://guest:guest@127.0.0.1:5672'),
    // Celery's CI writes `rpc`, and the suite's conditions compare with that.
    TEST_BACKEND: z
      .string()
      .default('redis://127.0.0.1:6379/0')
      .transform((name) => (name === 'rpc' ? 'rpc://' : name)),
    REDIS_HOST: z.string().default('127.0.0.1'),
    REDIS_PORT: z.coerce.number().int().default(6379),
  })
  // oxlint-disable-next-line node/no-process-env -- the configuration of this program
  .parse(process.env)

export const redisAddress = { host: environment.REDIS_HOST, port: environment.REDIS_PORT }

/** Python's module of the tasks: the prefix of their names, and the home of their exceptions. */
export const pythonModule = 't.integration.tasks'

export const nameOf = (name: string): string => `${pythonModule}.${name}`

/** Whatever a call may give; but it must give it. */
export const anyValue = z.custom<TaskValue>((value) => value !== undefined)

/** The application that the worker serves, with the defaults of Celery's tasks where ours differ. */
export const app = new Celeriac({
  broker: environment.TEST_BROKER,
  backend: environment.TEST_BACKEND,
  resultExtended: true,
  taskDefaults: { acksLate: false },
  controlCommands: {
    pidbox_reset_error: () => {
      throw new Error('pidbox reset integration test')
    },
  },
})
