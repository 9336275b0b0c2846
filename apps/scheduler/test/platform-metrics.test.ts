import { buildTopology } from '@celeriac/broker'
import { openRunStates, operatorTaskStates, type Broker, type OpenWork, type Store } from '@celeriac/core'
import { createMetrics } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { reportPlatform } from '../src/platform-metrics.ts'

const counts = (states: readonly string[], given: Record<string, number>) =>
  Object.fromEntries(states.map((state) => [state, given[state] ?? 0]))
const openWork = {
  runs: counts(openRunStates, { running: 3 }),
  operatorTasks: counts(operatorTaskStates, { pending: 5 }),
  waitingRuns: 2,
} as unknown as OpenWork

/** A platform whose database and broker answer, refuse or hang, as the test says. */
function setup() {
  const clock = new FakeClock()
  const topology = buildTopology({ prefix: 'mine.', executors: ['gpu'] })
  const services = {
    state: 'open' as Broker['state'],
    reads: 0,
    countOpenWork: (): Promise<OpenWork> => Promise.resolve(openWork),
    depths: () => Promise.resolve([{ queue: 'mine.celeriac.local', messages: 4, consumers: 2 }]),
  }
  const store = {
    countOpenWork: () => {
      services.reads++
      return services.countOpenWork()
    },
  } as unknown as Store
  const broker = {
    get state() {
      return services.state
    },
    depths: () => services.depths(),
  } as unknown as Broker
  const registry = createMetrics({ processMetrics: false })
  const slots = { local: { busy: 1, free: 3 }, unheard_of: { busy: 7, free: 7 } }
  reportPlatform(registry, { store, broker, topology, clock, fleet: () => ({ alive: 2, lost: 1, slots }) })
  return { clock, registry, services }
}

const series = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('celeriac_'))

test('unfinished work, queues without their prefix, and the fleet are shown', async () => {
  const { registry } = setup()
  const lines = series(await registry.expose())
  expect(lines).toEqual(
    expect.arrayContaining([
      'celeriac_dag_runs{state="running"} 3',
      'celeriac_dag_runs{state="queued"} 0',
      'celeriac_dag_runs_waiting 2',
      'celeriac_operator_tasks{state="pending"} 5',
      'celeriac_queue_messages{queue="celeriac.local"} 4',
      'celeriac_queue_consumers{queue="celeriac.local"} 2',
      'celeriac_workers{state="alive"} 2',
      'celeriac_workers{state="lost"} 1',
      'celeriac_fleet_slots{executor="local",state="free"} 3',
      'celeriac_fleet_slots{executor="gpu",state="free"} 0',
    ]),
  )
  expect(lines.filter((line) => line.includes('unheard_of'))).toEqual([])
})

test('the database is asked every five seconds at most, however often somebody looks', async () => {
  const { clock, registry, services } = setup()
  for (let second = 0; second < 10; second++) {
    await registry.expose()
    clock.advance(1_000)
  }
  expect(services.reads).toBe(2)
})

test('what cannot be read is first old and then absent, and there again afterwards', async () => {
  const { clock, registry, services } = setup()
  await registry.expose()
  services.countOpenWork = () => Promise.reject(new Error('down'))
  services.depths = () => Promise.reject(new Error('down'))
  clock.advance(30_000)
  expect(series(await registry.expose())).toContain('celeriac_dag_runs{state="running"} 3')
  clock.advance(30_000)
  const names = series(await registry.expose()).map((line) => line.split(/[{ ]/)[0])
  for (const name of ['dag_runs', 'dag_runs_waiting', 'operator_tasks', 'queue_messages', 'queue_consumers'])
    expect(names).not.toContain(`celeriac_${name}`)
  services.countOpenWork = () => Promise.resolve(openWork)
  clock.advance(5_000)
  expect(series(await registry.expose())).toContain('celeriac_dag_runs{state="running"} 3')
})

test('a database that hangs does not hold the scrape up for longer than a second', async () => {
  const { clock, registry, services } = setup()
  services.countOpenWork = () => new Promise(() => {})
  const text = registry.expose()
  await expect.poll(() => clock.pending).toBe(1)
  clock.advance(1_000)
  expect(series(await text)).toContain('celeriac_queue_messages{queue="celeriac.local"} 4')
})

test('without a connection of its own a scheduler knows nothing of the workers', async () => {
  const { registry, services } = setup()
  services.state = 'connecting'
  const names = series(await registry.expose()).map((line) => line.split('{')[0])
  expect(names).not.toContain('celeriac_workers')
  expect(names).not.toContain('celeriac_fleet_slots')
})
