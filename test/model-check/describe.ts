/** Steps in words, for the traces of counterexamples. */
import type { Batch, Rows } from './state.ts'

export const describeMessage = (message: Exclude<Batch['delivery'], null>): string => {
  switch (message.kind) {
    case 'created':
    case 'cancel':
      return `run.${message.kind}`
    case 'mark':
      return `mark ${message.mark} of ${message.sender}`
    case 'started':
      return `STARTED${message.isLeased ? ' (leased)' : ''} ${message.id} by worker ${message.worker}`
    case 'succeeded':
    case 'failed':
    case 'revoked':
    case 'returned':
      return `${message.kind.toUpperCase()} ${message.id} by worker ${message.worker}`
  }
}

export const describeRows = ({ head, tasks }: Rows): string =>
  `run ${head.state}, ${tasks
    .map(
      ({ state, attemptId, worker, isLeased }) =>
        `${state}${attemptId === null ? '' : ` ${attemptId}`}${worker === null ? '' : ` at worker ${worker}`}${isLeased ? ' (leased)' : ''}`,
    )
    .join(' | ')}`

export const describeEffects = ({ effects }: Batch): string =>
  effects
    .map((effect) =>
      effect.type === 'dispatch' ? `operator ${effect.ordinal}` : `revoke ${effect.attemptIds.join(' ')}`,
    )
    .join(', ')
