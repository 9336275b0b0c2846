/**
 * The peer of the engine benchmark: the same pattern of messages and commits without an engine, on the raw drivers.
 *
 *   this process ──▶ quorum task queue ──▶ no-op worker (a process of its own) ──▶ quorum event queue ──▶ this process:
 *   one UPDATE per batch of events, then ack. Confirms both ways, persistent messages.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import amqp from 'amqplib'
import pg from 'pg'

export interface BareOptions {
  readonly amqpUrl: string
  readonly databaseUrl: string
  readonly tasks: number
}

const batchLimit = 256
const taskQueue = 'celeriac.bench.bare.tasks'
const eventQueue = 'celeriac.bench.bare.events'
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } }

/** Tasks per second through the bare pattern. */
export async function runBarePattern({ amqpUrl, databaseUrl, tasks }: BareOptions): Promise<number> {
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  await database.query('DROP TABLE IF EXISTS bench_tasks')
  await database.query(
    'CREATE TABLE bench_tasks (id int PRIMARY KEY, state text NOT NULL, worker text) WITH (fillfactor = 70)',
  )
  await database.query(
    "INSERT INTO bench_tasks SELECT g, 'ready', NULL FROM generate_series(0, $1::int - 1) g",
    [tasks],
  )
  const connection = await amqp.connect(amqpUrl)
  const channel = await connection.createConfirmChannel()
  for (const queue of [taskQueue, eventQueue]) {
    await channel.deleteQueue(queue)
    await channel.assertQueue(queue, quorum)
  }
  const worker = fork(new URL('./bare-worker.js', import.meta.url), [amqpUrl, taskQueue], {
    stdio: 'inherit',
  })
  await once(worker, 'message')
  const consumer = await connection.createChannel()
  await consumer.prefetch(2 * batchLimit)

  const startedAt = performance.now()
  let inbox: amqp.ConsumeMessage[] = []
  let finished = 0
  let isBusy = false
  const done = new Promise<void>((resolve, reject) => {
    const drain = async (): Promise<void> => {
      isBusy = true
      while (inbox.length > 0) {
        await new Promise<void>((next) => setImmediate(next))
        const batch = inbox.splice(0, batchLimit)
        const ids = batch.map((message) =>
          Number((JSON.parse(message.content.toString()) as { id: number }).id),
        )
        await database.query({
          name: 'finish',
          text: "UPDATE bench_tasks SET state = 'succeeded', worker = 'w' WHERE id = ANY ($1::int[]) AND state = 'ready'",
          values: [ids],
        })
        const last = batch.at(-1)
        if (last !== undefined) consumer.ack(last, true)
        finished += batch.length
        if (finished === tasks) resolve()
      }
      isBusy = false
    }
    void consumer.consume(eventQueue, (message) => {
      if (message === null) return
      inbox.push(message)
      if (!isBusy) drain().catch(reject)
    })
  })
  for (let id = 0; id < tasks; id++)
    channel.publish('', taskQueue, Buffer.from(JSON.stringify({ id })), {
      persistent: true,
      mandatory: true,
      replyTo: eventQueue,
    })
  await channel.waitForConfirms()
  await done
  const seconds = (performance.now() - startedAt) / 1_000

  worker.kill()
  await once(worker, 'exit')
  for (const queue of [taskQueue, eventQueue]) await channel.deleteQueue(queue)
  await connection.close()
  await database.query('DROP TABLE bench_tasks')
  await database.end()
  inbox = []
  return tasks / seconds
}
