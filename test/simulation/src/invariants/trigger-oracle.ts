import type { OperatorTaskState, TriggerRule } from '@celeriac/core'

/**
 * What the documentation says about trigger rules, written down apart from core: whether an operator may be in a state,
 * given those of its upstream operators.
 */
export function allowedByTrigger(
  rule: TriggerRule,
  upstream: readonly OperatorTaskState[],
  what: 'dispatched' | 'skipped' | 'upstream_failed',
): boolean {
  const count = (...states: OperatorTaskState[]): number =>
    upstream.filter((state) => states.includes(state)).length
  const total = upstream.length
  const succeeded = count('succeeded')
  const failed = count('failed', 'upstream_failed', 'cancelled')
  const skipped = count('skipped')
  const isOver = succeeded + failed + skipped === total
  switch (what) {
    case 'dispatched':
      if (total === 0) return true
      if (rule === 'all_success') return succeeded === total
      if (rule === 'all_done') return isOver
      if (rule === 'one_success') return succeeded > 0
      return isOver && failed === 0 && succeeded > 0
    case 'skipped':
      // A verdict falls as early as it is certain: what fails later does not change it.
      if (rule === 'all_success') return skipped > 0
      if (rule === 'all_done') return false
      return total > 0 && skipped === total
    case 'upstream_failed':
      if (rule === 'all_success' || rule === 'none_failed') return failed > 0
      return rule === 'one_success' && isOver && succeeded === 0 && failed > 0
  }
}
