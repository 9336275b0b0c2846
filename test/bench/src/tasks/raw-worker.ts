/**
 * What the driver of amqplib costs alone: takes every message, acknowledges it, and answers the one who wants an answer. A
 * process of its own, as a worker is. Forked with the URL, the queue and the prefetch.
 */
import amqp from 'amqplib'

const [url = '', queue = '', prefetch = '1'] = process.argv.slice(2)
const connection = await amqp.connect(url, { noDelay: true })
const channel = await connection.createChannel()
await channel.prefetch(Number(prefetch))
await channel.consume(queue, (message) => {
  if (message === null) return
  const { replyTo, correlationId = '' } = message.properties as { replyTo?: string; correlationId?: string }
  if (replyTo !== undefined) channel.sendToQueue(replyTo, message.content, { correlationId })
  channel.ack(message)
})
process.once('SIGTERM', () => {
  void connection.close().then(() => process.exit(0))
})
