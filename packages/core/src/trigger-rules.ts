import { isFinalTaskState, type OperatorTaskState } from './states.ts'

/** When an operator may run, given its direct upstream operators. */
export const triggerRules = ['all_success', 'all_done', 'one_success', 'none_failed'] as const
export type TriggerRule = (typeof triggerRules)[number]
export const defaultTriggerRule: TriggerRule = 'all_success'

export type TriggerVerdict = 'wait' | 'run' | 'skip' | 'upstream_failed'

const isFailure = (state: OperatorTaskState): boolean =>
  state === 'failed' || state === 'upstream_failed' || state === 'cancelled'

/**
 * Decides a pending operator. An operator without upstream runs whatever its rule.
 *
 * | rule | run when | upstream_failed when | skip when |
 * | --- | --- | --- | --- |
 * | all_success | all succeeded | any failed | any skipped |
 * | all_done | all final | – | – |
 * | one_success | any succeeded | all final, none succeeded, any failed | all skipped |
 * | none_failed | all final, none failed | any failed | all skipped |
 *
 * "Failed" covers failed, upstream_failed and cancelled. Verdicts fall as early as they are certain.
 */
export function decideTrigger(rule: TriggerRule, upstream: readonly OperatorTaskState[]): TriggerVerdict {
  if (upstream.length === 0) return 'run'
  const allFinal = upstream.every(isFinalTaskState)
  const anyFailed = upstream.some(isFailure)
  const allSkipped = upstream.every((state) => state === 'skipped')
  switch (rule) {
    case 'all_success':
      if (anyFailed) return 'upstream_failed'
      if (upstream.includes('skipped')) return 'skip'
      return allFinal ? 'run' : 'wait'
    case 'all_done':
      return allFinal ? 'run' : 'wait'
    case 'one_success':
      if (upstream.includes('succeeded')) return 'run'
      if (!allFinal) return 'wait'
      return anyFailed ? 'upstream_failed' : 'skip'
    case 'none_failed':
      if (anyFailed) return 'upstream_failed'
      if (!allFinal) return 'wait'
      return allSkipped ? 'skip' : 'run'
  }
}
