import type { Delivery, EngineEvent } from '@celeriac/core'

/** A delivery on the event queue of a partition. */
export interface DeliveryItem {
  readonly kind: 'delivery'
  readonly partition: number
  readonly delivery: Delivery
  /** Which subscription of the partition it came by; see `Ownership.termOf`. */
  readonly term: number
}

/** What waits to be processed by the engine. */
export type InboxItem =
  DeliveryItem | { readonly kind: 'event'; readonly runId: string; readonly event: EngineEvent }
