import { Celeriac, type CeleriacOptions } from '@celeriac/tasks'
import { readSettings, taskClientConfigSchema } from '../config.ts'

/** Lets `work` talk to the workers that flags, environment or file name, and disconnects. */
export async function withTaskApp<Result>(
  flags: Readonly<Record<string, unknown>>,
  work: (app: Celeriac, prefix: string) => Promise<Result>,
): Promise<Result> {
  const { config } = await readSettings(taskClientConfigSchema, flags)
  const { amqpUrl, queuePrefix } = config
  return withApp({ broker: amqpUrl, prefix: queuePrefix, backend: 'disabled://' }, (app) =>
    work(app, queuePrefix),
  )
}

export async function withApp<Result>(
  options: CeleriacOptions,
  work: (app: Celeriac) => Promise<Result>,
): Promise<Result> {
  const app = new Celeriac({ name: 'celeriac-cli', ...options })
  try {
    return await work(app)
  } finally {
    await app.stop()
  }
}
