import { faultKinds, type FaultKind } from './state.ts'

/** How far the exploration goes. Everything within the bounds is tried, in every order. */
export interface Bounds {
  /** A chain of so many operators. */
  readonly operators: number
  /** Retries of each. */
  readonly retries: number
  /** Operators may fail. */
  readonly canFail: boolean
  /** Faults in one history. */
  readonly faults: number
  readonly kinds: readonly FaultKind[]
  /** What happens after the run has ended (late messages, processes that wake up) is left out. */
  readonly stopsAtEnd: boolean
}

/** An error that is put into the model to see that the check finds it. */
export const plantedErrors = [
  /** The delivery is acked before the broker has confirmed the leased STARTED. */
  'ack before confirm',
  /** A late STARTED of another worker makes a leased attempt look unleased. */
  'lease not sticky',
  /** An expired lease puts the same attempt back to `queued`, as if the broker still had its delivery. */
  'expiry without a new attempt',
  /** A commit is not compared with the epoch of the partition. */
  'no epoch fence',
  /** A lease is expired the moment it is overdue, whatever lies in the event queue. */
  'expiry past the event queue',
  /** Events are acked before their batch is committed. */
  'ack before commit',
  /** A new owner does not look for `ready` rows. */
  'no outbox scan',
  /** What a heartbeat lists and the scheduler does not know is revoked, by whichever scheduler hears it. */
  'revocation without a fence',
  /** A heartbeat of a second worker takes the attempt over from the first one, whose lease is good. */
  'heartbeats take over',
] as const
export type PlantedError = (typeof plantedErrors)[number]

const oneOperator = { operators: 1, retries: 0, canFail: false, faults: 1, stopsAtEnd: true }

export const boundsByName = {
  /** For every run of the unit tests. */
  small: { ...oneOperator, kinds: ['crash scheduler', 'lost commit answer'] },
  /** Any one fault, anywhere. */
  full: { ...oneOperator, kinds: faultKinds },
} as const satisfies Readonly<Record<string, Bounds>>
export type BoundsName = keyof typeof boundsByName
