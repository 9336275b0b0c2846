import { AppError, type Broker, type BrokerState, type Clock, type Instant } from '@celeriac/core'
import { diskReport, type DiskState } from '@celeriac/runtime'
import type { StoreProbe } from './store-probe.ts'

/** A connection that breaks and comes back is nobody's business: what is stored meanwhile is published afterwards. */
const brokerPatienceMs = 2_000

export interface IntakeDeps {
  readonly broker: Pick<Broker, 'state' | 'onState'>
  readonly probe: StoreProbe
  readonly disk: { readonly state: DiskState }
  readonly clock: Clock
}

/**
 * Whether new work may be taken: runs, reruns, uploads, firings that are asked for. While something that it needs is
 * missing it is refused, with a code that says "try again", rather than accepted and left lying. Reading goes on.
 */
export class Intake {
  readonly #deps: IntakeDeps
  #notOpenSince: Instant | null = null
  #forgetBroker: () => void

  constructor(deps: IntakeDeps) {
    this.#deps = deps
    const { broker, clock } = deps
    const note = (state: BrokerState): void => {
      if (state === 'open') this.#notOpenSince = null
      else this.#notOpenSince ??= clock.now()
    }
    this.#forgetBroker = broker.onState(note)
    note(broker.state)
  }

  stop(): void {
    this.#forgetBroker()
  }

  /** Throws STORE_FULL, BROKER_UNAVAILABLE or STORE_UNAVAILABLE. Answers within a second. */
  async require(): Promise<void> {
    const { broker, probe, disk, clock } = this.#deps
    if (disk.state.isFull)
      throw new AppError('STORE_FULL', 'the artifact store has too little space; nothing was accepted', {
        details: { free_bytes: disk.state.freeBytes, min_free_bytes: disk.state.minFreeBytes },
      })
    const { state } = broker
    const isAway = state !== 'open' && clock.now() - (this.#notOpenSince ?? clock.now()) >= brokerPatienceMs
    if (state === 'blocked' || isAway)
      throw new AppError(
        'BROKER_UNAVAILABLE',
        state === 'blocked'
          ? 'the broker takes no messages at the moment; nothing was accepted'
          : 'there is no connection to the broker; nothing was accepted',
        { details: { broker: state } },
      )
    await probe.require()
  }

  /** Carries out what takes new work in; gives up when the database does. Throws what `require` and `work` throw. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    await this.require()
    return this.#deps.probe.watch(work())
  }

  /** For work that waits for its sender for long, and asks the database at the end: see `StoreProbe.watch`. */
  watch<T>(work: Promise<T>): Promise<T> {
    return this.#deps.probe.watch(work)
  }

  /** What readiness says of broker and disk. */
  checks(): { readonly broker: string; readonly disk: string } {
    const { broker, disk } = this.#deps
    return { broker: broker.state === 'open' ? 'ok' : broker.state, disk: diskReport(disk.state) }
  }
}
