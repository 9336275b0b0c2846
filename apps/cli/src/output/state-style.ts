import type { OperatorTaskState, RunState } from '@celeriac/core'
import type { Style } from '../io.ts'

/** One sign and colour per state, of runs and operator tasks alike. */
const stateStyles: Readonly<Record<OperatorTaskState | RunState, { sign: string; style: Style }>> = {
  pending: { sign: '·', style: 'dim' },
  ready: { sign: '·', style: 'dim' },
  queued: { sign: '·', style: 'dim' },
  running: { sign: '▸', style: 'blue' },
  retry_wait: { sign: '↻', style: 'yellow' },
  cancelling: { sign: '▸', style: 'yellow' },
  succeeded: { sign: '✓', style: 'green' },
  failed: { sign: '✗', style: 'red' },
  cancelled: { sign: '○', style: 'yellow' },
  skipped: { sign: '–', style: 'dim' },
  upstream_failed: { sign: '✗', style: 'dim' },
}

export const stateSign = (state: OperatorTaskState | RunState): string => stateStyles[state].sign
export const stateStyle = (state: OperatorTaskState | RunState): Style => stateStyles[state].style
