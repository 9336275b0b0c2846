/** All that one seed is made of: servers, machines, the network between them, and the watch over it. */
import { buildTopology, createMemoryServer, type Topology } from '@celeriac/broker'
import type { Store } from '@celeriac/core'
import type { EngineMetrics } from '../../../apps/scheduler/src/engine/metrics.ts'
import { EventLoop } from './event-loop.ts'
import { Executions } from './executions.ts'
import { Watch } from './invariants/watch.ts'
import { frameLatency, Machine } from './machine.ts'
import { createScheduler, createWorker } from './programs.ts'
import { Random } from './random.ts'
import { ScriptedExecutor } from './scripted-executor.ts'
import { SimBroker } from './sim-broker.ts'
import type { Network } from './sim-connection.ts'
import { epochMs, type SimProcess } from './sim-process.ts'
import { MemoryDatabase } from './store/memory-database.ts'
import { createSimStore } from './store/sim-store.ts'
import { simLogger } from './sim-logger.ts'
import { drawWeather, latency, type Weather } from './weather.ts'

type Tell = (what: () => string) => void

const topology: Topology = buildTopology()

export class World {
  readonly seed: number
  readonly random: Random
  readonly weather: Weather
  readonly loop: EventLoop
  readonly database: MemoryDatabase
  readonly executions = new Executions()
  readonly watch: Watch
  readonly schedulers: readonly Machine[]
  readonly workers: readonly Machine[]
  readonly topology = topology
  readonly tell: Tell
  /** Until when the broker takes no messages, and nobody reaches the database. */
  blockedUntil = 0
  databaseDownUntil = 0
  /** Whether there is bad weather now. */
  isFaulty = true
  readonly #network: Network
  #ids = 0

  constructor(seed: number, story: (at: number, what: string) => void, isTold: boolean) {
    this.seed = seed
    this.random = new Random(seed, 1)
    this.weather = drawWeather(new Random(seed, 2))
    this.loop = new EventLoop(this.random)
    this.isFaulty = this.weather.faultyMs > 0
    this.tell = isTold ? (what) => story(this.loop.now, what()) : () => {}
    const { loop, random } = this
    const now = (): number => Math.floor(epochMs + loop.now)
    this.database = new MemoryDatabase({ now, newId: () => `dag-${++this.#ids}` })
    const clock = {
      now,
      after: (delayMs: number, action: () => void) => loop.after(delayMs, null, 'broker timer', action),
    }
    const server = createMemoryServer({ topology, clock })
    this.#network = { loop, server, latency: () => frameLatency(this) }
    this.watch = new Watch({
      loop,
      topology,
      database: this.database,
      executions: this.executions,
      wasInTrouble: (worker) => this.#wasInTrouble(worker),
      isCalm: !this.isFaulty,
      tell: this.tell,
    })
    this.executions.onBegin = (execution) => this.watch.onExecution(execution)
    const machines = (
      name: string,
      count: number,
      live: (process: SimProcess, machine: Machine) => Parts,
    ): Machine[] =>
      Array.from({ length: count }, (_, index) => new Machine(this, `${name}${index + 1}`, live))
    this.schedulers = machines('scheduler', 1 + random.below(3), (process, machine) =>
      this.#scheduler(process, machine),
    )
    const settings = {
      concurrency: 1 + random.below(3),
      drainTimeoutMs: random.pick([0, 2_000, 8_000]),
      handOverAfterMs: random.pick([300, 1_000, 3_000, 600_000]),
      keepsName: random.chance(0.5),
    }
    this.workers = machines('worker', 1 + random.below(3), (process, machine) =>
      this.#worker(process, machine, settings),
    )
  }

  get machines(): readonly Machine[] {
    return [...this.schedulers, ...this.workers]
  }

  /** Where everything stands, for whoever reads the story. */
  *standings(): Generator<string> {
    for (const { name, life } of this.machines)
      yield `${name}: ${life === null ? 'down' : `${life.process.name}, broker ${life.broker.state}, frozen until ${life.process.frozenUntil}`}`
    for (const { queue, messages, consumers } of this.#network.server.depths(
      topology.queues.map(({ name }) => name),
    ))
      if (messages > 0) yield `${queue}: ${messages} messages, ${consumers} consumers`
  }

  /** A connection to the broker for somebody who has no faults. */
  connect(process: SimProcess): SimBroker {
    const { random, watch } = this
    const chance = (which: 'rejectChance' | 'repeatChance' | 'broadcastLossChance') => () =>
      this.isFaulty ? this.weather[which] : 0
    return new SimBroker({
      process,
      random,
      watch,
      network: this.#network,
      mood: {
        rejectChance: chance('rejectChance'),
        repeatChance: chance('repeatChance'),
        lossChance: chance('broadcastLossChance'),
        blockedUntil: () => this.blockedUntil,
      },
    })
  }

  storeFor(process: SimProcess, machine: { readonly databaseCutUntil: number }): Store {
    const { loop, random, database, watch, weather } = this
    return createSimStore({
      loop,
      random,
      database,
      watch,
      process,
      latency: () => latency(random, weather.storeMs, weather.storeSlowness),
      isReachable: () => loop.now >= Math.max(this.databaseDownUntil, machine.databaseCutUntil),
    })
  }

  #scheduler(process: SimProcess, machine: Machine): Parts {
    const broker = this.connect(process)
    const program = createScheduler({
      process,
      broker,
      topology,
      logger: simLogger(process, this),
      store: this.storeFor(process, machine),
      metrics: this.#metrics(process),
      random: () => this.random.next(),
    })
    return { broker, program }
  }

  #worker(
    process: SimProcess,
    machine: Machine,
    settings: { readonly keepsName: boolean } & FleetSettings,
  ): Parts {
    const { keepsName, ...rest } = settings
    const broker = this.connect(process)
    const program = createWorker({
      process,
      broker,
      topology,
      logger: simLogger(process, this),
      executor: new ScriptedExecutor({
        process,
        executions: this.executions,
        seed: this.seed,
        now: () => this.loop.now,
        poisonChance: this.weather.poisonChance,
        onPoisoned: () => machine.crash(this.random.between(50, 300)),
      }),
      settings: { ...rest, nodeName: `${keepsName ? machine.name : process.name}@sim` },
    })
    return { broker, program }
  }

  /** The engine's own view of what it does: it must never meet what it calls illegal. */
  #metrics(process: SimProcess): EngineMetrics {
    const event: EngineMetrics['event'] = (type, disposition) => {
      this.tell(() => `${process.name} ${disposition} ${type}`)
      if (disposition === 'illegal' || disposition === 'parked')
        this.watch.fail('no_defects', `${process.name}: ${type} is ${disposition}`)
    }
    // What else it counts is nobody's business here.
    return new Proxy({ event } as EngineMetrics, {
      get: (_, name) => (name === 'event' ? event : () => {}),
    })
  }

  #wasInTrouble(worker: string): boolean {
    const machine = this.workers.find(
      ({ name }) => worker.startsWith(`${name}.`) || worker.startsWith(`${name}@`),
    )
    return machine === undefined || machine.troubleUntil > this.loop.now
  }
}

type Parts = ReturnType<ConstructorParameters<typeof Machine>[2]>

interface FleetSettings {
  readonly concurrency: number
  readonly drainTimeoutMs: number
  readonly handOverAfterMs: number
}
