import { createLogger, systemClock } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { Agent, request } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { RefusalLog } from '../../src/http/refusal-log.ts'
import { startApi } from './api-harness.ts'

/** A logger whose lines are kept. */
function recordedLogger() {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  })
  return { logger, lines }
}

/** Memory in use once everything that can be collected is. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

test(
  '10,000 wrong tokens are 10,000 refusals, few lines of log, and no memory',
  { timeout: 120_000 },
  async () => {
    const { logger, lines } = recordedLogger()
    const api = await startApi({ logger })
    onTestFinished(() => api.close())
    const agent = new Agent({ keepAlive: true, maxSockets: 16 })
    onTestFinished(() => agent.destroy())
    const statuses = new Map<number, number>()
    const refused = (index: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer guess-${index}-${'x'.repeat(index % 500)}` }
        request(`${api.url}/api/v1/runs/${index}`, { agent, headers }, (response) => {
          const { statusCode = 0 } = response
          statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
          response.resume().on('end', resolve)
        })
          .on('error', reject)
          .end()
      })
    const thousand = async (round: number): Promise<number> => {
      for (let start = 0; start < 1_000; start += 50)
        await Promise.all(Array.from({ length: 50 }, (_, index) => refused(round * 1_000 + start + index)))
      return usedHeap()
    }
    const heaps: number[] = []
    for (let round = 0; round < 10; round++) heaps.push(await thousand(round))

    expect([...statuses]).toEqual([[401, 10_000]])
    // What 9,000 requests leave behind; a leak of one kilobyte each would be more.
    expect(heaps.at(-1)! - heaps[0]!).toBeLessThan(8 * 1_048_576)
    expect(lines.map(({ level, refusals, remote_address: address }) => [level, refusals, address])).toEqual(
      [1, 10, 100, 1_000, 10_000].map((count) => ['warn', count, '127.0.0.1']),
    )
    expect(JSON.stringify(lines)).not.toContain('guess-')
  },
)

const refusal = (address: string) => ({ address, code: 'AUTH_TOKEN_INVALID' as const, requestId: 'r' })

test('an address that was quiet for ten minutes begins anew', () => {
  const { logger, lines } = recordedLogger()
  const clock = new FakeClock()
  const log = new RefusalLog({ clock, logger })
  for (let count = 0; count < 5; count++) log.add(refusal('10.0.0.1'))
  clock.advance(10 * 60_000 + 1)
  log.add(refusal('10.0.0.1'))
  expect(lines.map(({ refusals }) => refusals)).toEqual([1, 1])
})

test('many addresses write not more than sixty lines a minute, and what was left out is counted', () => {
  const { logger, lines } = recordedLogger()
  const clock = new FakeClock()
  const log = new RefusalLog({ clock, logger })
  for (let count = 0; count < 5_000; count++) log.add(refusal(`10.0.${count >> 8}.${count & 255}`))
  expect(lines).toHaveLength(60)
  clock.advance(60_000)
  log.add(refusal('10.9.9.9'))
  expect(lines.slice(60)).toMatchObject([
    { msg: 'refused requests of more addresses were not logged', addresses: 4_940 },
    { remote_address: '10.9.9.9', refusals: 1 },
  ])
})

test('a right token is not logged', async () => {
  const { logger, lines } = recordedLogger()
  const api = await startApi({ logger, clock: systemClock })
  onTestFinished(() => api.close())
  expect((await api.call('GET', '/api/v1/runs')).status).toBe(200)
  expect(lines).toEqual([])
})
