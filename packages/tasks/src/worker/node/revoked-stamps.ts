import type { TaskCall } from '../../message/task-call.ts'
import type { TaskValue } from '../../message/task-value.ts'

/** A revocation by stamps names values of headers; any of them revokes. */
export type StampsByHeader = Readonly<Record<string, readonly TaskValue[]>>

/** Stamps remembered for each header; the oldest are forgotten. */
const maxStampsPerHeader = 10_000

/** Stamps whose tasks this worker does not run. */
export class RevokedStamps {
  readonly #stamps = new Map<string, Set<TaskValue>>()

  add(headers: StampsByHeader): void {
    for (const [header, stamps] of Object.entries(headers)) {
      const known = this.#stamps.get(header) ?? new Set()
      for (const stamp of stamps) {
        known.add(stamp)
        const [oldest] = known
        if (known.size > maxStampsPerHeader && oldest !== undefined) known.delete(oldest)
      }
      this.#stamps.set(header, known)
    }
  }

  has({ stampedHeaders, stamps }: TaskCall): boolean {
    if (this.#stamps.size === 0 || stampedHeaders === null) return false
    return stampedHeaders.some((header) => {
      const revoked = this.#stamps.get(header)
      return revoked !== undefined && stampsOf(stamps[header]).some((stamp) => revoked.has(stamp))
    })
  }
}

/** Whether the call carries one of the stamps. */
export const carriesStamp = ({ stamps }: TaskCall, headers: StampsByHeader): boolean =>
  Object.entries(headers).some(([header, revoked]) =>
    stampsOf(stamps[header]).some((stamp) => revoked.includes(stamp)),
  )

const stampsOf = (value: TaskValue | undefined): readonly TaskValue[] =>
  value === undefined || value === null
    ? []
    : Array.isArray(value)
      ? (value as readonly TaskValue[])
      : [value]
