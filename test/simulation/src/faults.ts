import type { Machine } from './machine.ts'
import type { FaultKind } from './weather.ts'
import type { World } from './world.ts'

/** How long a worker may be thought lost after its trouble is over: a lease's time, and what is on its way. */
const aftermathMs = 12_000

/** Brings the faults of the weather about: at random moments, and right after steps of the processes they hit. */
export class Faults {
  readonly #world: World
  readonly #kinds: readonly { readonly kind: FaultKind; readonly upTo: number }[]
  count = 0

  constructor(world: World) {
    this.#world = world
    let sum = 0
    this.#kinds = [...world.weather.faults].map(([kind, weight]) => ({ kind, upTo: (sum += weight) }))
  }

  start(): void {
    const { loop, weather, random } = this.#world
    if (!this.#world.isFaulty) return
    loop.after(weather.faultyMs, null, 'faults end', () => this.#heal())
    this.#scheduleNext()
    loop.onStep((owner) => {
      if (owner === null || !this.#world.isFaulty || !random.chance(weather.strikeChance)) return
      const machine = this.#world.machines.find(({ life }) => life?.process === owner)
      if (machine !== undefined) this.#strike(machine)
    })
  }

  #scheduleNext(): void {
    const { loop, weather, random } = this.#world
    loop.after(random.exponential(weather.faultEveryMs), null, 'fault', () => {
      if (!this.#world.isFaulty) return
      this.#strike(random.pick(this.#world.machines))
      this.#scheduleNext()
    })
  }

  #strike(machine: Machine): void {
    const { random } = this.#world
    const draw = random.next() * (this.#kinds.at(-1)?.upTo ?? 0)
    const kind = this.#kinds.find(({ upTo }) => draw < upTo)?.kind
    if (kind === undefined) return
    this.count++
    this.#world.tell(() => `FAULT ${kind} ${machine.life?.process.name ?? machine.name}`)
    this.#bringAbout(kind, machine)
  }

  #bringAbout(kind: FaultKind, machine: Machine): void {
    const { random, loop, machines } = this.#world
    switch (kind) {
      case 'crash':
        return machine.crash(random.pick([100, 1_000, 8_000]))
      case 'freeze':
        return this.#freeze(machine, random.pick([300, 3_000, 6_000, 15_000]) * random.between(0.5, 1))
      case 'cut':
        return this.#cut(machine, random.pick([0, 500, 6_000]) * random.next())
      case 'database_cut':
        machine.databaseCutUntil = loop.now + random.pick([50, 1_000, 6_000]) * random.next()
        return
      case 'database_down':
        this.#world.databaseDownUntil = loop.now + random.pick([50, 1_000, 5_000]) * random.next()
        return
      case 'broker_restart': {
        const backAt = loop.now + random.between(50, 3_000)
        for (const each of machines) this.#disconnect(each, backAt, 5)
        return
      }
      case 'broker_blocked': {
        const forMs = random.pick([500, 3_000, 8_000]) * random.next()
        this.#world.blockedUntil = loop.now + forMs
        for (const each of machines) each.trouble(forMs + aftermathMs)
        return
      }
      case 'clock_jump':
        machine.skewMs += random.pick([-20_000, -3_000, 3_000, 20_000]) * random.next()
        return
      case 'stop':
        return machine.stop(random.pick([100, 3_000]))
    }
  }

  #freeze(machine: Machine, forMs: number): void {
    const { loop, random } = this.#world
    const { life } = machine
    if (life === null) return
    machine.trouble(forMs + aftermathMs)
    life.process.frozenUntil = Math.max(life.process.frozenUntil, loop.now + forMs)
    const { connection } = life.broker
    if (connection === null || random.chance(0.3)) return
    // The broker hears no heartbeats; when the process goes on, it finds out after it has done other things.
    const noticedMs = random.between(0.3, 1.2) * forMs
    loop.after(noticedMs, null, 'broker gives up on a frozen process', () => {
      if (life.process.frozenUntil <= loop.now) return
      connection.closeAtServer()
      life.process.after(random.exponential(100), 'connection lost', () => {
        if (life.broker.connection === connection) life.broker.lose(loop.now)
      })
    })
  }

  #cut(machine: Machine, forMs: number): void {
    const { loop, random } = this.#world
    this.#disconnect(machine, loop.now + forMs, random.pick([10, 300, 8_000]))
  }

  /** Nothing gets through any more; each side notices within this time. */
  #disconnect(machine: Machine, reachableAt: number, noticedMs: number): void {
    const { loop, random } = this.#world
    const { life } = machine
    const connection = life?.broker.connection ?? null
    if (life === null || connection === null) return
    machine.trouble(Math.max(reachableAt - loop.now, noticedMs) + aftermathMs)
    connection.cut()
    loop.after(random.next() * noticedMs, null, 'broker notices', () => connection.closeAtServer())
    life.process.after(random.next() * noticedMs, 'connection lost', () => {
      if (life.broker.connection === connection) life.broker.lose(reachableAt)
    })
  }

  /** Everything works from now on, and what was broken is found to be so. */
  #heal(): void {
    const { loop, machines, tell } = this.#world
    tell(() => 'faults end')
    this.#world.isFaulty = false
    this.#world.blockedUntil = 0
    this.#world.databaseDownUntil = 0
    for (const machine of machines) {
      machine.databaseCutUntil = 0
      machine.skewMs = 0
      machine.trouble(aftermathMs)
      if (machine.life !== null)
        machine.life.process.frozenUntil = Math.min(machine.life.process.frozenUntil, loop.now + 5_000)
    }
  }
}
