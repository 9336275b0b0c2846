import type { TaskOptions } from './registered-task.ts'

export const defaultMaxRetries = 3
const defaultRetryDelayS = 180
const defaultBackoffMaxS = 600

type RetryPolicy = Pick<TaskOptions, 'defaultRetryDelay' | 'retryBackoff' | 'retryBackoffMax' | 'retryJitter'>

/** Seconds until an automatic retry, the first of which has `retries` 0. `random` draws from [0, 1). */
export function automaticDelayS(policy: RetryPolicy, retries: number, random: () => number): number {
  const { retryBackoff = false, retryBackoffMax = defaultBackoffMaxS, retryJitter = true } = policy
  if (retryBackoff === false) return retryDelayS(policy)
  const ceiling = Math.max(0, Math.min(retryBackoffMax, retryBackoff * 2 ** retries))
  return retryJitter ? Math.floor(random() * (ceiling + 1)) : ceiling
}

/** Seconds until a retry that does not say when. */
export const retryDelayS = ({ defaultRetryDelay = defaultRetryDelayS }: RetryPolicy): number =>
  defaultRetryDelay

export const hasRetriesLeft = (maxRetries: number | null, retries: number): boolean =>
  maxRetries === null || retries < maxRetries
