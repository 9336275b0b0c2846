import { heldAtMost } from './worker-process.ts'
import { maxRetries } from './fate.ts'
import type { SoakReport } from './run-soak.ts'

/** From the second to the last quarter of a process; above is a leak, below the noise of a garbage collector. */
export const maxGrowthMib = 48
export const maxPeakMib = 512

/** What speaks against the claim that no task was lost or ended twice, that memory is flat, that nothing was left. Pure. */
export function verdictOn(report: SoakReport): readonly string[] {
  const { faults, tasks, states, kills, furtherExecutions, repeatedEnds, leftBehind, memory } = report
  const { SUCCESS = 0, FAILURE = 0, REVOKED = 0 } = states
  // What a killed worker had at hand may run once more, with the retries that follow: also what had ended and was not
  // acknowledged yet, because a handler's slot is free before its end is stored.
  const atHand = kills * heldAtMost
  return [
    ...faults.slice(0, 20),
    ...(faults.length > 20 ? [`… ${faults.length} faults`] : []),
    ...(SUCCESS + FAILURE + REVOKED === tasks ? [] : [`${JSON.stringify(states)}: not all have ended`]),
    ...(kills === 2 ? [] : [`${kills} workers were killed instead of 2`]),
    ...(furtherExecutions <= atHand * (maxRetries + 1) ? [] : [`${furtherExecutions} further executions`]),
    ...(repeatedEnds <= atHand ? [] : [`${repeatedEnds} ends were told twice`]),
    ...leftBehind.map((what) => `left behind: ${what}`),
    ...memory
      .filter(({ growthMib }) => (growthMib ?? 0) > maxGrowthMib)
      .map(({ process, growthMib }) => `${process} has grown by ${growthMib} MiB`),
    ...memory
      .filter(({ peakMib }) => peakMib > maxPeakMib)
      .map(({ process, peakMib }) => `${process} has taken ${peakMib} MiB`),
  ]
}
