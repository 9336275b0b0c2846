import type { Delivery, EngineEvent, Instant } from '@celeriac/core'

/** A delivery on the event queue of a partition. */
export interface DeliveryItem {
  readonly kind: 'delivery'
  readonly partition: number
  readonly delivery: Delivery
  /** Which subscription of the partition it came by; see `Ownership.termOf`. */
  readonly term: number
}

/** An event that the engine sends itself: a wake, a confirm, what a loaded run is owed. */
export interface EventItem {
  readonly kind: 'event'
  readonly runId: string
  readonly event: EngineEvent
}

/** A worker runs an attempt of the run that is not in flight any more, unless something that waits here says otherwise. */
export interface StrayItem {
  readonly kind: 'stray'
  readonly runId: string
  readonly attemptId: string
}

/** What waits to be processed by the engine, since when. */
export type InboxItem = (DeliveryItem | EventItem | StrayItem) & { readonly receivedAt: Instant }
