import amqp from 'amqplib'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { OwnPostgres } from '../support/own-postgres.ts'
import { OwnRabbit } from '../support/own-rabbit.ts'

const ends: (() => Promise<void>)[] = []
afterAll(() => Promise.all(ends.map((end) => end())))

test('an own RabbitMQ keeps its durable data over kill -9, blocks publishers on an alarm and takes its settings', async () => {
  const rabbit = await OwnRabbit.start({ consumerTimeoutMs: 1_000, channelTickMs: 500 })
  ends.push(() => rabbit.destroy())
  const connection = await amqp.connect(rabbit.url)
  connection.on('error', () => undefined)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('q', { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  channel.sendToQueue('q', Buffer.from('kept'), { persistent: true })
  await channel.waitForConfirms()

  // The settings: a delivery that is held too long costs the channel.
  const late = new Promise<Error>((resolve) => channel.once('error', resolve))
  await channel.consume('q', () => undefined)
  expect((await late).message).toContain('timeout')

  const blocked = new Promise((resolve) => connection.once('blocked', resolve))
  await rabbit.raiseMemoryAlarm()
  const publisher = await connection.createChannel()
  publisher.sendToQueue('q', Buffer.from('waits'))
  expect(await blocked).toContain('memory')
  const unblocked = new Promise<void>((resolve) => connection.once('unblocked', resolve))
  await rabbit.clearMemoryAlarm()
  await unblocked

  await rabbit.kill()
  await rabbit.startAgain()
  await expect.poll(async () => (await rabbit.messages()).get('q')).toBe(2)
})

test('an own PostgreSQL keeps its data over a crash, refuses writes when read-only and can be frozen', async () => {
  const postgres = await OwnPostgres.start()
  ends.push(() => postgres.destroy())
  await postgres.sql('CREATE TABLE kept (n int)')
  await postgres.stop('immediate')
  await postgres.startAgain()
  await postgres.sql('INSERT INTO kept VALUES (1)')

  const client = new pg.Client({ connectionString: postgres.url })
  client.on('error', () => undefined)
  await client.connect()
  await postgres.setReadOnly(true)
  await expect.poll(() => client.query('INSERT INTO kept VALUES (2)').catch(({ code }) => code)).toBe('25006')
  await postgres.setReadOnly(false)

  await postgres.freeze()
  let isAnswered = false
  const answer = client.query('SELECT n FROM kept').then(() => (isAnswered = true))
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(isAnswered).toBe(false)
  await postgres.thaw()
  await answer
  await client.end()
})
