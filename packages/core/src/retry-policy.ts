/** How often and how fast a failed attempt is tried again. */
export interface RetryPolicy {
  /** Attempts after the first. 0 = never retry. */
  readonly max: number
  /** Delay before the first retry, in milliseconds; doubles with each further retry. */
  readonly backoffMs: number
  /** Upper bound of the delay, in milliseconds. */
  readonly backoffMaxMs: number
  /** True: the delay is drawn evenly from (0, delay] ("full jitter", as Celery's retry_jitter). */
  readonly jitter: boolean
}

export const defaultRetryPolicy: RetryPolicy = {
  max: 0,
  backoffMs: 1_000,
  backoffMaxMs: 600_000,
  jitter: true,
}

/**
 * Delay before retry number `retry` (1 = the first), in whole milliseconds: min(max, backoff · 2^(retry−1)), times
 * `draw` under jitter. At least 1 ms.
 * @param draw an evenly distributed number in [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, retry: number, draw: number): number {
  const exponent = Math.min(Math.max(retry - 1, 0), 52)
  const delay = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** exponent)
  return Math.max(1, Math.round(policy.jitter ? delay * (1 - draw) : delay))
}
