import type { Instant } from '@celeriac/core'
import { RateLimit, tasksPerSecond, type Turn } from './rate-limit.ts'
import type { RegisteredTask } from './registered-task.ts'

const now: Turn = { kind: 'now' }

/** The rate limits of this worker: those of the tasks, until remote control sets others. */
export class RateLimits {
  readonly #byTask = new Map<string, RateLimit | null>()

  /** @throws AppError CONFIG_INVALID for a limit that cannot be read */
  take({ name, options }: RegisteredTask, at: Instant): Turn {
    let limit = this.#byTask.get(name)
    if (limit === undefined) limit = this.set(name, options.rateLimit)
    return limit === null ? now : limit.take(at)
  }

  /** @throws AppError CONFIG_INVALID */
  set(task: string, text: string | number | null | undefined): RateLimit | null {
    const perSecond = tasksPerSecond(text)
    const limit = perSecond === null ? null : new RateLimit(perSecond)
    this.#byTask.set(task, limit)
    return limit
  }
}
