import type { Clock } from '@celeriac/core'

/** The longest delay that setTimeout takes; beyond it Node fires at once. */
const longestTimerMs = 2 ** 31 - 1

function after(delayMs: number, action: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (remainingMs: number): void => {
    const stepMs = Math.min(Math.max(remainingMs, 0), longestTimerMs)
    timer = setTimeout(() => (remainingMs > stepMs ? arm(remainingMs - stepMs) : action()), stepMs)
  }
  arm(delayMs)
  return () => clearTimeout(timer)
}

/** The machine's clock. Its timers keep the process alive: whoever sets one cancels it when it stops. */
export const systemClock: Clock = { now: () => Date.now(), after }
