import { setTimeout as delay } from 'node:timers/promises'

/**
 * Asks until the answer does not throw, and gives it; after `timeoutMs` it throws the last error. As vitest's waitFor, but
 * programs may use it too.
 */
export async function until<T>(
  ask: () => T | Promise<T>,
  {
    timeoutMs = 60_000,
    intervalMs = 100,
  }: { readonly timeoutMs?: number; readonly intervalMs?: number } = {},
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error
    }
    await delay(intervalMs)
  }
}
