import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunView } from '../support/api-client.ts'
import { Fleet, type Member } from '../support/fleet.ts'
import { root } from '../support/processes.ts'

/** Takes deliveries back after 3 s; without the hand-over an operator of 6 s would be delivered anew. */
const impatient = { consumerTimeoutMs: 3_000, channelTickMs: 500 }
const tooLongS = 6
/** It is cancelled before. */
const endlessS = 3_600

let fleet: Fleet
let ledger: string

beforeAll(async () => {
  fleet = await Fleet.start({
    schedulers: 1,
    workers: 3,
    concurrency: 1,
    rabbit: impatient,
    env: {
      CELERIAC_ALGORITHMS_DIR: join(root, 'test', 'chaos', 'algorithms'),
      CELERIAC_HAND_OVER_AFTER: '1',
      CELERIAC_DRAIN_TIMEOUT_S: '0',
    },
  })
  ledger = join(fleet.platform.dataDir, 'ledger')
})
afterAll(() => fleet?.destroy())

async function aRun(seconds: number): Promise<string> {
  const params = { ledger, seconds }
  const document = {
    dag: { operator_list: ['long'], operator_details: { long: { algo_name: 'algo_local_ledger', params } } },
  }
  const { id } = await fleet.schedulers[0]!.api.submit(JSON.stringify(document))
  await expect.poll(() => executions(id)).toHaveLength(1)
  return id
}

/** Whose lease guards the run's operator. */
async function holderOf(id: string): Promise<Member> {
  const { operators } = await fleet.schedulers[0]!.api.json<RunView>('GET', `/api/v1/runs/${id}`)
  const holder = fleet.workers.find(({ name }) => operators[0]?.worker === `${name}@chaos`)
  if (holder === undefined) throw new Error(`nobody holds ${JSON.stringify(operators)}`)
  return holder
}

/** How many attempts the worker has acked while they ran; what the broker says of its queues is some seconds old. */
async function handedOver(worker: Member): Promise<number> {
  const text = await (await fetch(`${worker.url}/metrics`)).text()
  const counts = text.matchAll(/^celeriac_broker_deliveries_total\{.*disposition="handed_over".*\} (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

const allHandedOver = async (): Promise<number> =>
  (await Promise.all(fleet.workers.map(handedOver))).reduce((sum, count) => sum + count, 0)

const finished = async (id: string): Promise<unknown> => {
  const { state, operators } = await fleet.schedulers[0]!.api.waitFor(id, ['succeeded', 'failed'])
  return { state, operators: operators.map(({ attempt }) => ({ attempt })) }
}

/** What was written of a run to the ledger by whoever executed it. */
async function executions(id: string, what = 'began'): Promise<readonly { attempt: number }[]> {
  const text = await readFile(ledger, 'utf8').catch(() => '')
  const lines = text.split('\n').filter(Boolean)
  return lines
    .map((line) => JSON.parse(line) as { run: string; what: string; attempt: number })
    .filter((entry) => entry.run === id && entry.what === what)
}

test('an operator that outlives the acknowledgement timeout of the broker is executed once', async () => {
  const id = await aRun(tooLongS)
  // It runs, and the broker has nothing of it any more.
  await expect.poll(allHandedOver).toBe(1)
  expect(await executions(id, 'ended')).toEqual([])
  expect(await finished(id)).toEqual({ state: 'succeeded', operators: [{ attempt: 1 }] })
  expect(await executions(id)).toHaveLength(1)
  expect(await executions(id, 'ended')).toHaveLength(1)
})

test('what was handed over to a worker that stops, or is killed, is executed by another one', async () => {
  const before = await allHandedOver()
  const ids = [await aRun(endlessS), await aRun(endlessS)] as const
  await expect.poll(allHandedOver).toBe(before + 2)
  const [stopped, killed] = [await holderOf(ids[0]), await holderOf(ids[1])]
  await stopped.process.stop()
  await expect.poll(() => executions(ids[0])).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  await killed.kill()
  stopped.startAgain()
  await expect.poll(() => executions(ids[1])).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  const { api } = fleet.schedulers[0]!
  for (const id of ids) await api.request('POST', `/api/v1/runs/${id}/cancel`)
  for (const id of ids) await api.waitFor(id, ['cancelled'])
})

test('without the hand-over the broker takes it back, and it is executed again: the first test can fail', async () => {
  await Promise.all(fleet.workers.map((worker) => worker.stop()))
  const env = { CELERIAC_HAND_OVER_AFTER: '1799' }
  const workers = [await fleet.add('worker', env), await fleet.add('worker', env)]
  await Promise.all(workers.map((worker) => worker.ready()))
  const id = await aRun(tooLongS)
  await expect.poll(() => executions(id)).toHaveLength(2)
  expect(await finished(id)).toEqual({ state: 'succeeded', operators: [{ attempt: 1 }] })
})
