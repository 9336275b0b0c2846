import type { Batch, EventMessage, Rows, Scheduler, State, Worker } from './state.ts'

/**
 * Keys of states. The parts of a state (rows, a scheduler, a worker, the queue) are few in kind and many in combination, so
 * each part is given a number and a key is a list of numbers: exact, and short. The workers are alike: states that
 * differ only in which is which have one key, the lesser of the two.
 */
export class Encoder {
  readonly #numbers = new Map<string, number>()
  /** Parts are immutable and shared by states: the number under the workers' own names, and with their names exchanged. */
  readonly #known = new WeakMap<object, readonly [number, number]>()

  keyOf(state: State): string {
    const { epoch, row, events, active, tasks, schedulers, workers, faultsLeft, isWorkerAtFault } = state
    const common = `${epoch} ${active ?? '-'} ${faultsLeft}${isWorkerAtFault ? '!' : ''} ${this.#numberOf(tasks.join())}`
    const shared = [
      this.#part(row, rowsText),
      this.#part(events, eventsText),
      ...schedulers.map((one) => this.#part(one, schedulerText)),
    ]
    const [first, second] = workers.map((one) => this.#part(one, workerText))
    const own = `${shared.map(([number]) => number).join(' ')} ${first?.[0]} ${second?.[0]}`
    const exchanged = `${shared.map(([, number]) => number).join(' ')} ${second?.[1]} ${first?.[1]}`
    return `${common} ${own < exchanged ? own : exchanged}`
  }

  #part<T extends object>(part: T, text: (part: T, rename: Rename) => string): readonly [number, number] {
    const known = this.#known.get(part)
    if (known !== undefined) return known
    const numbers = [this.#numberOf(text(part, ownName)), this.#numberOf(text(part, otherName))] as const
    this.#known.set(part, numbers)
    return numbers
  }

  #numberOf(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#numbers.set(text, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

type Rename = (worker: string | null) => string
const ownName: Rename = (worker) => worker ?? '-'
const otherName: Rename = (worker) => (worker === null ? '-' : worker === '1' ? '2' : '1')

const rowsText = ({ head, tasks }: Rows, rename: Rename): string =>
  `${head.state}${head.version}${tasks
    .map(
      ({ state, attempt, attemptId, retries, losses, worker, isLeased }) =>
        `:${state} ${attempt} ${attemptId ?? ''} ${retries} ${losses} ${rename(worker)}${isLeased ? '!' : ''}`,
    )
    .join('')}`

const eventsText = (events: readonly EventMessage[], rename: Rename): string =>
  `q${events.map((message) => eventText(message, rename)).join()}`

function eventText(message: EventMessage, rename: Rename): string {
  switch (message.kind) {
    case 'created':
    case 'cancel':
      return message.kind
    case 'mark':
      return `mark ${message.sender}${message.epoch}.${message.mark}`
    case 'started':
      return `started ${message.id} ${rename(message.worker)}${message.isLeased ? '!' : ''}`
    case 'succeeded':
    case 'failed':
    case 'revoked':
    case 'returned':
      return `${message.kind} ${message.id} ${rename(message.worker)}`
  }
}

function schedulerText(scheduler: Scheduler, rename: Rename): string {
  const { isFrozen, link, hasDatabase, epoch, memory, owed, batch, leases, marks, ended } = scheduler
  return [
    `s${isFrozen ? 'z' : ''}${link}${hasDatabase ? '' : 'n'}`,
    epoch ?? '-',
    memory === null ? '-' : rowsText(memory, rename),
    owed.map((owe) => JSON.stringify(owe)).join(),
    batch === null ? '-' : batchText(batch, rename),
    leases
      .map((lease) => (lease === null ? '-' : `${lease.id} ${rename(lease.worker)} ${lease.mark ?? ''}`))
      .join(),
    marks,
    ended.join(),
  ].join('|')
}

const batchText = (batch: Batch, rename: Rename): string =>
  [
    batch.stage,
    batch.delivery === null ? '' : eventText(batch.delivery, rename),
    batch.isOurs ? '' : 'x',
    batch.epoch,
    rowsText(batch.before, rename),
    rowsText(batch.after, rename),
    batch.effects.map((effect) => JSON.stringify(effect)).join(),
  ].join('~')

/** Without its name: its place in the list says it. */
const workerText = ({ isFrozen, link, execution, told, revoked, lateBeat }: Worker): string =>
  [
    `w${isFrozen ? 'z' : ''}${link}`,
    execution === null
      ? '-'
      : `${execution.id} ${execution.phase}${execution.isStartTold ? 's' : ''}${execution.deliveries}`,
    told.map(({ id, kind }) => `${id} ${kind}`).join(),
    revoked.join(),
    lateBeat === null ? '' : `${lateBeat.leases.join()} ${lateBeat.handedOver.join()}`,
  ].join('|')
