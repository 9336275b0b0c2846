import { decideTrigger, operatorTaskStates, triggerRules } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allowedByTrigger } from '../src/invariants/trigger-oracle.ts'

const upstream = fc.array(fc.constantFrom(...operatorTaskStates), { maxLength: 5 })
const verdicts = { run: 'dispatched', skip: 'skipped', upstream_failed: 'upstream_failed' } as const

test('two readings of the trigger rules, core and the oracle of the simulation, agree on every verdict', () => {
  fc.assert(
    fc.property(fc.constantFrom(...triggerRules), upstream, (rule, states) => {
      const verdict = decideTrigger(rule, states)
      if (verdict === 'wait') expect(allowedByTrigger(rule, states, 'dispatched')).toBe(false)
      else expect(allowedByTrigger(rule, states, verdicts[verdict])).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
