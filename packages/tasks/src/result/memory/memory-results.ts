import type { Instant } from '@celeriac/core'
import type { ChordPart } from '../result-backend.ts'
import type { ResultTuple, TaskMeta } from '../task-meta.ts'
import { Watchers } from '../watchers.ts'

export interface Expiring<T> {
  readonly value: T
  readonly expiresAt: Instant
}

export interface MemoryChord {
  size: number | null
  extra: number
  readonly parts: Map<string, ChordPart>
  claim: { readonly holder: string; readonly until: Instant } | null
  isEnded: boolean
}

/** What memory backends of one process share, in place of a server. */
export class MemoryResults {
  readonly metas = new Map<string, Expiring<TaskMeta>>()
  readonly groups = new Map<string, Expiring<ResultTuple>>()
  readonly chords = new Map<string, Expiring<MemoryChord>>()
  readonly watchers = new Watchers()

  /** Deletes what has expired; gives how many entries went. */
  removeExpired(now: Instant): number {
    let removed = 0
    for (const entries of [this.metas, this.groups, this.chords]) {
      for (const [key, { expiresAt }] of entries) {
        if (expiresAt <= now && entries.delete(key)) removed++
      }
    }
    return removed
  }
}
