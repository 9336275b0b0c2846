/**
 * No-op tasks a second, acknowledged late, persistent, one worker process. Two figures for each subject and round, with a
 * fresh worker:
 *
 * - drain: the worker alone. The queue is full before it starts; counted between two markers among the tasks, the first of
 *   which comes after a warm-up. Every worker of tasks gets the same messages, of our publisher.
 * - flow: worker and publisher, each in its process, at the same time, until the end of the last task.
 */
import amqp from 'amqplib'
import { CeleryClient } from './celery-client.ts'
import { noopApp } from './noop-app.ts'
import { RawClient } from './raw-client.ts'
import { startWorker, type Commands, type Place, type SubjectName } from './subjects.ts'

export interface Throughput {
  /** Tasks per second. */
  readonly drain: number
  readonly flow: number
}

export interface ThroughputOptions {
  readonly amqpUrl: string
  readonly commands: Commands
  readonly tasks: number
}

const callsAtOnce = 500
/** The next calls are made while the broker writes the last ones down, as with the other publishers. */
const publishingAtOnce = 4

export async function measureThroughput(name: SubjectName, options: ThroughputOptions): Promise<Throughput> {
  const { amqpUrl, tasks, commands } = options
  const place = { amqpUrl, backend: 'rpc://', queue: `bench-${name}` }
  const warmUp = Math.ceil(tasks / 5)
  const seconds =
    name === 'raw'
      ? await rawSeconds(place, commands, tasks, warmUp)
      : await taskSeconds(name, place, commands, tasks, warmUp)
  await removeEmpty(place)
  return { drain: tasks / seconds.drain, flow: tasks / seconds.flow }
}

const now = (): number => performance.now() / 1_000

async function taskSeconds(
  name: Exclude<SubjectName, 'raw'>,
  place: Place,
  commands: Commands,
  tasks: number,
  warmUp: number,
): Promise<Throughput> {
  const { application, noop, echo } = noopApp(place)
  const publish = async (count: number): Promise<void> => {
    let left = count
    const publishRest = async (): Promise<void> => {
      while (left > 0) {
        const size = Math.min(left, callsAtOnce)
        left -= size
        await application.applyMany(Array.from({ length: size }, () => noop.s()))
      }
    }
    await Promise.all(Array.from({ length: publishingAtOnce }, publishRest))
  }
  await publish(warmUp)
  const first = await echo.delay(0)
  await publish(tasks)
  const last = await echo.delay(1)
  const worker = startWorker(name, place, commands)
  const python = name === 'celeriac' ? null : new CeleryClient(place, commands)
  try {
    await worker.during(first.get())
    const startedAt = now()
    await worker.during(last.get())
    const drain = now() - startedAt
    if (python !== null) return { drain, flow: await worker.during(python.flow(tasks, warmUp)) }
    await publish(warmUp)
    await worker.during((await echo.delay(0)).get())
    const flowStartedAt = now()
    await publish(tasks)
    await worker.during((await echo.delay(1)).get())
    return { drain, flow: now() - flowStartedAt }
  } finally {
    await python?.stop()
    await worker.stop()
    await application.stop()
  }
}

async function rawSeconds(
  place: Place,
  commands: Commands,
  tasks: number,
  warmUp: number,
): Promise<Throughput> {
  const client = await RawClient.connect(place.amqpUrl, place.queue)
  await client.publish(warmUp)
  const first = client.call()
  await client.publish(tasks)
  const last = client.call()
  const worker = startWorker('raw', place, commands)
  try {
    await worker.during(first)
    const startedAt = now()
    await worker.during(last)
    const drain = now() - startedAt
    await client.publish(warmUp)
    await worker.during(client.call())
    const flowStartedAt = now()
    await client.publish(tasks)
    await worker.during(client.call())
    return { drain, flow: now() - flowStartedAt }
  } finally {
    await worker.stop()
    await client.close()
  }
}

/** What is left in the queue was not acknowledged: the figures would be of something else. */
async function removeEmpty({ amqpUrl, queue }: Place): Promise<void> {
  const connection = await amqp.connect(amqpUrl)
  const channel = await connection.createChannel()
  const { messageCount } = await channel.deleteQueue(queue)
  await connection.close()
  if (messageCount > 0) throw new Error(`${queue}: ${messageCount} tasks were not acknowledged`)
}
