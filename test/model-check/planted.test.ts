import { describe, expect, test } from 'vitest'
import type { Bounds, PlantedError } from './bounds.ts'
import { explore, type Violation } from './explore.ts'
import type { FaultKind } from './state.ts'

/** The smallest world in which each error shows: one fault at most, of these kinds. */
const cases: readonly (readonly [PlantedError, readonly FaultKind[], Violation['kind'], RegExp])[] = [
  ['ack before confirm', ['crash worker'], 'safety', /nothing guards attempt/],
  ['lease not sticky', ['duplicate task'], 'safety', /is leased no more/],
  ['expiry without a new attempt', ['crash worker'], 'safety', /nothing guards attempt/],
  ['no epoch fence', ['hand partition over'], 'safety', /a stale owner has committed/],
  ['expiry past the event queue', [], 'safety', /replaces one whose worker is well/],
  ['ack before commit', ['crash scheduler'], 'safety', /nothing guards attempt/],
  ['no outbox scan', ['crash scheduler'], 'deadlock', /never ends/],
  ['revocation without a fence', ['cut scheduler'], 'safety', /was revoked/],
  ['heartbeats take over', ['duplicate task'], 'livelock', /need never end/],
]

const boundsOf = (kinds: readonly FaultKind[], faults: number): Bounds => ({
  operators: 1,
  retries: 0,
  canFail: false,
  faults,
  kinds,
  stopsAtEnd: true,
})

describe('an error planted into the model is found', () => {
  test.each(cases)('%s', (planted, kinds, kind, message) => {
    const { violation } = explore(boundsOf(kinds, kinds.length), [planted])
    expect(violation).toMatchObject({ kind, message: expect.stringMatching(message) as string })
    expect(violation?.trace.length).toBeGreaterThan(3)
  })
})
