import { setTimeout as delay } from 'node:timers/promises'
import type { Fleet, Member } from '../support/fleet.ts'
import { faultKinds, type Fault, type PlannedFault } from './faults.ts'

/**
 * Carries faults out, several at a time, so that one meets the consequences of another. Two rules keep the platform alive
 * enough to be judged: one member of each role is well at any time, and of the services one is broken at a time.
 */
export class FaultInjector {
  readonly #fleet: Fleet
  readonly #unwell = new Set<Member>()
  readonly #open = new Set<Promise<void>>()
  readonly #onFault: (text: string) => void
  /** The service that is broken, until it is whole. */
  #service: Promise<void> = Promise.resolve()
  readonly #failures: unknown[] = []
  readonly faults: Fault[] = []

  constructor(fleet: Fleet, onFault: (text: string) => void) {
    this.#fleet = fleet
    this.#onFault = onFault
  }

  /** Begins the fault as soon as the rules allow; `settled` waits for its end. */
  async inject(planned: PlannedFault): Promise<void> {
    const { target } = faultKinds[planned.kind]
    if (target === 'service') await this.#service
    const member = target === 'service' ? null : await this.#memberFor(planned)
    if (member) this.#unwell.add(member)
    const course = this.#run(planned, member)
      .catch((error: unknown) => void this.#failures.push(error))
      .finally(() => {
        if (member) this.#unwell.delete(member)
        this.#open.delete(course)
      })
    this.#open.add(course)
    if (target === 'service') this.#service = course
  }

  /** Resolves when no fault lasts any more and every member is ready; rejects when one could not be ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#open)
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'a fault could not be ended')
    await Promise.all(this.#fleet.members.map((member) => member.ready()))
  }

  async #run({ kind, seconds }: PlannedFault, member: Member | null): Promise<void> {
    const facts = faultKinds[kind]
    // A service has no member; the functions of its kinds do not look at it.
    const target = member ?? (null as unknown as Member)
    const name = member?.name ?? kind.split('_')[0] ?? ''
    const beganAt = Date.now()
    this.#onFault(`${kind}: ${name}, ${seconds.toFixed(1)} s`)
    await facts.begin(this.#fleet, target)
    await delay(seconds * 1_000)
    await facts.end(this.#fleet, target)
    this.faults.push({ kind, target: name, beganAt, endedAt: Date.now() })
    // Who is not back yet must not be all that its role has left.
    if (member) await this.#back(member)
  }

  async #back(member: Member): Promise<void> {
    await this.#service
    await member.ready()
  }

  /** Waits while all but one of its role are unwell. */
  async #memberFor({ kind, draw }: PlannedFault): Promise<Member> {
    const { target } = faultKinds[kind]
    for (;;) {
      const well = this.#fleet.members.filter((each) => each.role === target && !this.#unwell.has(each))
      const member = well[Math.floor(draw * well.length)]
      if (well.length > 1 && member !== undefined) return member
      await Promise.race(this.#open)
    }
  }
}
