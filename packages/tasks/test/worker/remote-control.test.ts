import { encodeRevoke } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { anAttempt, setup } from './setup.ts'

const control = (exchange: string, body: object) => ({
  exchange,
  routingKey: '',
  mandatory: false,
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify(body)),
})

async function listenToReplies({ client, topology }: Awaited<ReturnType<typeof setup>>) {
  const replies: unknown[] = []
  await client.declarePrivateQueue({
    name: 'oid.reply',
    bindings: [{ exchange: topology.controlReplyExchange, routingKey: 'oid' }],
  })
  await client.consume({
    queue: 'oid.reply',
    prefetch: 0,
    noAck: true,
    onDelivery: ({ body, headers }) =>
      replies.push([JSON.parse(Buffer.from(body).toString()), headers?.['ticket']]),
  })
  return replies
}

test('revoke stops a running task, which is told as revoked', async () => {
  const { send, executor, startWorker, client, topology, heard } = await setup()
  await startWorker()
  const attempt = anAttempt()
  await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  await client.publish([encodeRevoke(topology.controlExchange, [attempt.attemptId])])
  await expect.poll(() => heard).toMatchObject([{ taskId: attempt.attemptId, status: 'REVOKED' }])
})

test('revoke reaches a redelivered task whose executor still looks for an earlier start', async () => {
  const { send, executor, startWorker, client, topology, queue, statuses } = await setup()
  const attempt = anAttempt()
  await send(attempt)
  const returned = await client.consume({
    queue,
    prefetch: 1,
    onDelivery: (delivery) => {
      void returned.cancel().then(() => delivery.requeue())
    },
  })
  let answer = (): void => {}
  let isAsked = false
  executor.adopt = () => {
    isAsked = true
    return new Promise((resolve) => (answer = () => resolve(null)))
  }
  // As a real one: what it does not run, it cannot cancel.
  executor.isObedient = false
  await startWorker()
  await expect.poll(() => isAsked).toBe(true)
  await client.publish([encodeRevoke(topology.controlExchange, [attempt.attemptId])])
  await expect.poll(() => executor.cancelled).toHaveLength(1)
  answer()
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['REVOKED'])
  expect(executor.runs).toHaveLength(0)
})

test('revoke drops a reserved task without running it', async () => {
  const { send, executor, startWorker, client, topology, statuses } = await setup()
  await startWorker({ concurrency: 1, prefetchSurplus: 1 })
  const [first, second] = [anAttempt(), anAttempt()]
  await send(first)
  await send(second)
  await expect.poll(() => executor.runs).toHaveLength(1)
  await client.publish([encodeRevoke(topology.controlExchange, [second.attemptId])])
  await expect.poll(() => statuses(second.attemptId)).toEqual(['REVOKED'])
  executor.finish(first.attemptId)
  await expect.poll(() => statuses(first.attemptId)).toEqual(['SUCCESS'])
  expect(executor.running).toEqual([first.attemptId])
})

test('a task that is revoked before it arrives is not run', async () => {
  const context = await setup()
  const { send, executor, startWorker, client, topology, statuses } = context
  await startWorker()
  const replies = await listenToReplies(context)
  const attempt = anAttempt()
  await client.publish([
    control(topology.controlExchange, {
      method: 'revoke',
      arguments: { task_id: ['another', attempt.attemptId], terminate: true },
      ticket: 't1',
      reply_to: { exchange: topology.controlReplyExchange, routing_key: 'oid' },
    }),
  ])
  await expect.poll(() => replies).toHaveLength(1)
  await send(attempt)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['REVOKED'])
  expect(executor.runs).toHaveLength(0)
})

test('revoke without terminate leaves a running task alone', async () => {
  const { send, executor, startWorker, client, topology, statuses } = await setup()
  await startWorker()
  const [attempt, next] = [anAttempt(), anAttempt()]
  await send(attempt)
  await expect.poll(() => executor.runs).toHaveLength(1)
  const message = { method: 'revoke', arguments: { task_id: attempt.attemptId } }
  await client.publish([control(topology.controlExchange, message)])
  await send(next)
  await expect.poll(() => executor.runs).toHaveLength(2)
  expect(executor.cancelled).toEqual([])
  executor.finish(attempt.attemptId)
  await expect.poll(() => statuses(attempt.attemptId)).toEqual(['SUCCESS'])
})

test('ping is answered by the nodes it is meant for', async () => {
  const context = await setup()
  const { startWorker, client, topology } = context
  await startWorker()
  const replies = await listenToReplies(context)
  const ping = (ticket: string, destination: string[] | null) =>
    control(topology.controlExchange, {
      method: 'ping',
      arguments: {},
      destination,
      ticket,
      reply_to: { exchange: topology.controlReplyExchange, routing_key: 'oid' },
    })
  await client.publish([ping('t1', ['another@test']), ping('t2', ['w1@test']), ping('t3', null)])
  await expect.poll(() => replies).toHaveLength(2)
  expect(replies).toEqual([
    [{ 'w1@test': { ok: 'pong' } }, 't2'],
    [{ 'w1@test': { ok: 'pong' } }, 't3'],
  ])
})

test('a malformed control message is parked; an unknown method is ignored; both stop nothing', async () => {
  const { send, executor, startWorker, client, topology, parked } = await setup()
  await startWorker()
  await client.publish([
    { ...control(topology.controlExchange, {}), body: Buffer.from('no') },
    control(topology.controlExchange, { method: 'revoke', arguments: { task_id: 7 } }),
    control(topology.controlExchange, { method: 'dance' }),
  ])
  await expect.poll(() => parked).toHaveLength(1)
  await send(anAttempt())
  await expect.poll(() => executor.runs).toHaveLength(1)
})
