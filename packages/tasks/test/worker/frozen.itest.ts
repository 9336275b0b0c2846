import { createAmqpBroker } from '@celeriac/broker'
import { encodeTaskMessage, operatorTaskMessage } from '@celeriac/contracts'
import { silentLogger } from '@celeriac/runtime'
import { useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { fork } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { typescript, untilReady } from './plain/typescript-children.ts'
import { anAttempt } from './setup.ts'

let rabbit: TestRabbit
beforeAll(async () => {
  rabbit = await useTestRabbit()
})
afterAll(() => rabbit.close())

test('a worker that sleeps while its connection ends starts nothing of what was delivered to it', async () => {
  const { topology, url } = rabbit
  const broker = createAmqpBroker({ url, topology, name: 'test', logger: silentLogger() })
  await broker.start()
  onTestFinished(() => broker.stop())
  const queue = topology.executorQueue('local')
  const child = fork(path.join(import.meta.dirname, 'operator-worker-program.ts'), {
    ...typescript,
    env: { ...process.env, WORKER_AMQP_URL: url, WORKER_PREFIX: topology.prefix },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said: unknown[] = []
  child.on('message', (message) => said.push(message))
  await untilReady(child)
  expect(said).toEqual(['ready'])
  const depth = async (): Promise<unknown> => (await broker.depths([queue]))[0]

  child.kill('SIGSTOP')
  const attempts = [anAttempt(), anAttempt(), anAttempt()]
  await broker.publish(
    attempts.map((attempt) =>
      encodeTaskMessage(
        operatorTaskMessage(attempt, { replyTo: topology.eventQueue(0), origin: 'test' }),
        queue,
      ),
    ),
  )
  // Two lie in the socket of the sleeper until the broker gives it up.
  await expect.poll(depth).toMatchObject({ messages: 1, consumers: 1 })
  await expect.poll(depth).toMatchObject({ messages: 3, consumers: 0 })
  const taken: string[] = []
  await broker.consume({
    queue,
    prefetch: 0,
    onDelivery: ({ correlationId = '' }) => taken.push(correlationId),
  })
  await expect.poll(() => taken).toHaveLength(3)

  child.kill('SIGCONT')
  // Awake and connected again, it has looked at all that was in its socket.
  await expect.poll(depth).toMatchObject({ consumers: 2 })
  const last = anAttempt()
  for (let more = 0; more < 2; more++)
    await broker.publish([
      encodeTaskMessage(operatorTaskMessage(last, { replyTo: '', origin: 'test' }), queue),
    ])
  await expect.poll(() => said).toEqual(['ready', last.attemptId])
})
