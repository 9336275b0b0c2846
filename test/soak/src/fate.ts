/** What shall become of each task of a soak, drawn from the seed: known without being stored. Pure. */

export const fateKinds = [
  'succeed',
  'fail',
  'retry_then_succeed',
  'retry_out',
  'succeed_later',
  'revoked_waiting',
  'revoked_running',
] as const
export type FateKind = (typeof fateKinds)[number]

export interface Fate {
  readonly kind: FateKind
  /** Failures before the end; of `retry_then_succeed`. */
  readonly failures: number
  /** Of a retry, seconds: at once, or by way of the delay queues. */
  readonly countdown: 0 | 1
}

export type FinalState = 'SUCCESS' | 'FAILURE' | 'REVOKED'

/** Retries that a task of a soak may take. */
export const maxRetries = 3

const shares: readonly (readonly [FateKind, number])[] = [
  ['fail', 0.08],
  ['retry_then_succeed', 0.08],
  ['retry_out', 0.03],
  ['succeed_later', 0.03],
  ['revoked_waiting', 0.02],
  ['revoked_running', 0.02],
]

export function fateOf(seed: number, index: number): Fate {
  const draw = drawOf(seed, index)
  const further = drawOf(seed ^ 0x5bd1_e995, index)
  let below = 0
  const kind = shares.find(([, share]) => draw < (below += share))?.[0] ?? 'succeed'
  return { kind, failures: 1 + Math.floor(further * maxRetries), countdown: further * 100 < 10 ? 1 : 0 }
}

export const finalStateOf = ({ kind }: Fate): FinalState => {
  switch (kind) {
    case 'succeed':
    case 'retry_then_succeed':
    case 'succeed_later':
      return 'SUCCESS'
    case 'fail':
    case 'retry_out':
      return 'FAILURE'
    case 'revoked_waiting':
    case 'revoked_running':
      return 'REVOKED'
  }
}

/** How often its handler starts when nothing breaks; the first may be passed over by a revocation. */
export const executionsOf = ({ kind, failures }: Fate): { readonly least: number; readonly most: number } => {
  const times = (count: number) => ({ least: count, most: count })
  switch (kind) {
    case 'succeed':
    case 'fail':
    case 'succeed_later':
      return times(1)
    case 'retry_then_succeed':
      return times(failures + 1)
    case 'retry_out':
      return times(maxRetries + 1)
    case 'revoked_waiting':
      return times(0)
    case 'revoked_running':
      return { least: 0, most: 1 }
  }
}

/** A number in [0, 1), spread well for neighbouring indices (the finalizer of MurmurHash3). */
function drawOf(seed: number, index: number): number {
  let hash = Math.imul(seed ^ Math.imul(index + 1, 0x9e37_79b1), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  hash ^= hash >>> 16
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d)
  return ((hash ^ (hash >>> 12)) >>> 0) / 2 ** 32
}
