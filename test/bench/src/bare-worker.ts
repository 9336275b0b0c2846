/** The no-op worker of the bare pattern: answers every task, waits for the confirm, acks. */
import amqp from 'amqplib'

const [amqpUrl = '', queue = ''] = process.argv.slice(2)
const connection = await amqp.connect(amqpUrl)
const publisher = await connection.createConfirmChannel()
const consumer = await connection.createChannel()
await consumer.prefetch(512)
await consumer.consume(queue, (message) => {
  if (message === null) return
  const replyTo = message.properties.replyTo as string
  publisher.publish('', replyTo, message.content, { persistent: true, mandatory: true }, (error) => {
    if (error === null || error === undefined) consumer.ack(message)
    else consumer.nack(message)
  })
})
process.send?.('ready')
