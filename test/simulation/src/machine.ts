import { latency, type Weather } from './weather.ts'
import type { Program } from './programs.ts'
import type { SimBroker } from './sim-broker.ts'
import { SimProcess } from './sim-process.ts'
import type { World } from './world.ts'

/** One life of a service on a machine. */
export interface Life {
  readonly process: SimProcess
  readonly broker: SimBroker
  readonly program: Program
}

/** How long a stop may take before the process is killed. */
const stopPatienceMs = 20_000

/** A machine that keeps one service running: a new process takes the place of one that has ended. */
export class Machine {
  readonly name: string
  readonly #world: World
  readonly #live: (process: SimProcess, machine: Machine) => Omit<Life, 'process'>
  /** Of its wall clock. */
  skewMs = 0
  /** Until when it cannot reach the database. */
  databaseCutUntil = 0
  /** Until when what others think of it may be wrong through no fault of theirs. */
  troubleUntil = 0
  life: Life | null = null
  #lives = 0

  constructor(
    world: World,
    name: string,
    live: (process: SimProcess, machine: Machine) => Omit<Life, 'process'>,
  ) {
    this.#world = world
    this.name = name
    this.#live = live
  }

  start(delayMs: number): void {
    const { loop } = this.#world
    loop.after(delayMs, null, `start ${this.name}`, () => {
      if (this.life !== null) return
      const process = new SimProcess(loop, `${this.name}.${++this.#lives}`, this)
      const life: Life = { process, ...this.#live(process, this) }
      this.life = life
      this.#world.tell(() => `${process.name} starts`)
      process.after(0, 'start', () => {
        life.program.start().catch((error: unknown) => {
          this.#world.tell(() => `${process.name} does not start: ${String(error)}`)
          this.#end(life, 1_000)
        })
      })
    })
  }

  /** kill -9. What it has sent arrives up to some moment; the broker notices sooner or later. */
  crash(restartMs: number): void {
    const { life } = this
    if (life === null) return
    this.#world.tell(() => `${life.process.name} is killed`)
    this.#end(life, restartMs)
  }

  stop(restartMs: number): void {
    const { life } = this
    if (life === null) return
    const { process, program } = life
    this.#world.tell(() => `${process.name} is told to stop`)
    this.trouble(stopPatienceMs)
    const end = (): void => this.#end(life, restartMs)
    const cancel = process.after(stopPatienceMs, 'out of patience', end)
    process.after(0, 'stop', () => {
      program.stop().then(
        () => {
          cancel()
          this.#world.tell(() => `${process.name} has stopped`)
          end()
        },
        (error: unknown) =>
          this.#world.watch.fail('no_defects', `${process.name} does not stop: ${String(error)}`),
      )
    })
  }

  /** Whatever is thought of it for this long is excused. */
  trouble(forMs: number): void {
    this.troubleUntil = Math.max(this.troubleUntil, this.#world.loop.now + forMs)
  }

  #end(life: Life, restartMs: number): void {
    if (this.life !== life) return
    const { loop, random, executions } = this.#world
    this.life = null
    life.process.kill()
    executions.processEnded(life.process.name)
    this.trouble(restartMs + 5_000)
    const { connection } = life.broker
    if (connection !== null) {
      loop.after(random.between(0, 5), null, 'connection of a dead process', () => connection.cut())
      const noticedMs = random.chance(0.8) ? random.between(0, 50) : random.between(1_000, 10_000)
      loop.after(noticedMs + 5, null, 'broker notices', () => connection.closeAtServer())
    }
    this.start(restartMs)
  }
}

/** How long a frame between a machine and a server takes. */
export const frameLatency = (world: {
  readonly random: World['random']
  readonly weather: Weather
}): number => latency(world.random, world.weather.networkMs, world.weather.slowness)
