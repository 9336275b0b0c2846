import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chain, signature } from '../../../src/canvas/signature.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inProcesses } from './in-rabbit.ts'
import { plainSetup } from './plain-setup.ts'

/** 200,000 take some minutes. */
const size = Number(process.env['CELERIAC_SOAK_TASKS'] ?? 2_000)
const patience = { timeout: 60_000 + size * 5, interval: 200 }

let surroundings: Awaited<ReturnType<typeof inProcesses>>
beforeAll(async () => {
  surroundings = await inProcesses()
})
afterAll(() => surroundings?.close())

test(
  `${size} tasks with failures, retries, chains and revocations, and two workers killed: each ends once, as it should`,
  async () => {
    const { backend, send, control, depth, client, topology } = await plainSetup(surroundings)
    let workers: readonly ChildProcess[] = await Promise.all([
      surroundings.startProcess(),
      surroundings.startProcess(),
    ])
    const revoked = (number: number): boolean => number % 4 === 3 && number % 8 === 7
    const idOf = (number: number): string => `soak-${number}`
    const numbers = Array.from({ length: size }, (_, number) => number)
    for (let from = 0; from < size; from += 1_000) {
      const ids = numbers
        .slice(from, from + 1_000)
        .filter(revoked)
        .map(idOf)
      if (ids.length > 0) await control('revoke', { task_id: ids })
    }
    const endOf = async (ids: readonly string[]): Promise<ReadonlyMap<string, string>> =>
      new Map([...(await backend.find(ids))].map(([id, { status }]) => [id, status]))
    const countEnded = async (): Promise<number> => {
      const ends = [...(await endOf(numbers.map(idOf))).values()]
      return ends.filter((status) => status !== 'RETRY').length
    }
    const publish = async (): Promise<void> => {
      for (let from = 0; from < size; from += 100)
        await Promise.all(
          numbers.slice(from, from + 100).map((number) => {
            const last = signature('soak', [number], {}, { task_id: idOf(number) })
            // Every fourth is the second step of a chain.
            return send(
              number % 4 === 0 ? chain(signature('add', [1, 1]), last.immutable()) : last,
              number % 4 === 0 ? {} : { task_id: idOf(number) },
            )
          }),
        )
    }
    const kills = async (): Promise<void> => {
      for (const part of [0.2, 0.5]) {
        await expect.poll(countEnded, patience).toBeGreaterThanOrEqual(size * part)
        const [first, second] = workers
        first?.kill('SIGKILL')
        if (first !== undefined) await once(first, 'exit')
        workers = [second, await surroundings.startProcess()].filter((each) => each !== undefined)
      }
    }
    await Promise.all([publish(), kills()])
    await expect.poll(countEnded, patience).toBe(size)
    const ends = await endOf(numbers.map(idOf))
    const wrong = numbers.filter((number) => {
      const expected = revoked(number) ? 'REVOKED' : number % 4 === 1 ? 'FAILURE' : 'SUCCESS'
      return ends.get(idOf(number)) !== expected
    })
    expect(wrong).toEqual([])
    for (const worker of workers) worker.kill('SIGTERM')
    await Promise.all(workers.map((worker) => once(worker, 'exit')))
    // Nothing is left: no message, no consumer, nothing that was parked, and no state that changes once more.
    expect(await depth()).toMatchObject({ messages: 0, consumers: 0 })
    expect((await client.depths([topology.deadLetter]))[0]?.messages).toBe(0)
    expect(await endOf(numbers.map(idOf))).toEqual(ends)
  },
  patience.timeout * 2,
)
