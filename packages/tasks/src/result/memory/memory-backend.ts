import { AppError, type Clock } from '@celeriac/core'
import { newId, systemClock } from '@celeriac/runtime'
import { chordLeaseMs, resultExpiresMs, type ResultRetention } from '../retention.ts'
import { decodeMeta, encodeMeta } from '../meta-text.ts'
import type { ChordPart, ChordProgress, ResultBackend, StoredResult } from '../result-backend.ts'
import { replacesState, type ResultTuple, type TaskMeta } from '../task-meta.ts'
import type { OnMeta } from '../watchers.ts'
import { MemoryResults, type MemoryChord } from './memory-results.ts'

export interface MemoryBackendOptions extends ResultRetention {
  /** Shared by backends that shall see each other's results. @default results of its own */
  readonly results?: MemoryResults
  readonly clock?: Clock
}

/** Results in the memory of this process, gone with it: for tests, and for programs that are one process. */
export class MemoryBackend implements ResultBackend {
  readonly name = 'memory'
  readonly hasChords = true
  readonly replyTo = null
  readonly #results: MemoryResults
  readonly #clock: Clock
  readonly #expiresMs: number
  readonly #leaseMs: number
  readonly #id = newId()
  readonly #removals = new Set<() => void>()
  #isStarted = false

  constructor(options: MemoryBackendOptions = {}) {
    this.#results = options.results ?? new MemoryResults()
    this.#clock = options.clock ?? systemClock
    this.#expiresMs = resultExpiresMs(options) ?? Number.POSITIVE_INFINITY
    this.#leaseMs = chordLeaseMs(options)
  }

  start(): Promise<void> {
    this.#isStarted = true
    return Promise.resolve()
  }

  stop(): Promise<void> {
    this.#isStarted = false
    for (const remove of this.#removals) remove()
    this.#removals.clear()
    return Promise.resolve()
  }

  async store(results: readonly StoredResult[]): Promise<void> {
    const { metas, watchers } = this.#started()
    // As a service would keep them: a copy, and nothing that could not be sent.
    for (const meta of results.map((result) => decodeMeta(encodeMeta(result.meta)))) {
      if (!replacesState(metas.get(meta.task_id)?.value.status, meta.status)) continue
      metas.set(meta.task_id, this.#expiring(meta))
      watchers.tell(meta)
    }
  }

  async find(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    const { metas } = this.#started()
    const found = new Map<string, TaskMeta>()
    for (const taskId of taskIds) {
      const stored = metas.get(taskId)
      if (stored !== undefined) found.set(taskId, stored.value)
    }
    return found
  }

  async watch(taskIds: readonly string[], onMeta: OnMeta): Promise<() => void> {
    const { watchers } = this.#started()
    const known = await this.find(taskIds)
    const remove = watchers.add(taskIds, onMeta)
    this.#removals.add(remove)
    for (const meta of known.values()) watchers.tell(meta)
    return () => {
      this.#removals.delete(remove)
      remove()
    }
  }

  async forget(taskIds: readonly string[]): Promise<void> {
    const { metas } = this.#started()
    for (const taskId of taskIds) metas.delete(taskId)
  }

  async saveGroup(groupId: string, result: ResultTuple): Promise<void> {
    this.#started().groups.set(groupId, this.#expiring(result))
  }

  async findGroup(groupId: string): Promise<ResultTuple | null> {
    return this.#started().groups.get(groupId)?.value ?? null
  }

  async forgetGroup(groupId: string): Promise<void> {
    this.#started().groups.delete(groupId)
  }

  async setChordSize(groupId: string, size: number): Promise<void> {
    const chord = this.#chord(groupId)
    if (chord.claim === null && !chord.isEnded) chord.size = size
  }

  async growChord(groupId: string, members: number): Promise<void> {
    const chord = this.#chord(groupId)
    if (chord.claim === null && !chord.isEnded) chord.extra += members
  }

  async addChordPart(part: ChordPart): Promise<ChordProgress> {
    const chord = this.#chord(part.groupId)
    if (chord.isEnded) return { kind: 'ended' }
    if (!chord.parts.has(part.taskId)) chord.parts.set(part.taskId, part)
    const size = chord.size === null ? null : chord.size + chord.extra
    if (size === null || chord.parts.size < size) return { kind: 'waiting', counted: chord.parts.size, size }
    const holder = `${this.#id}/${part.taskId}`
    const now = this.#clock.now()
    if (chord.claim !== null && chord.claim.holder !== holder && chord.claim.until > now)
      return { kind: 'claimed', retryAfterMs: chord.claim.until - now }
    chord.claim = { holder, until: now + this.#leaseMs }
    return { kind: 'complete', parts: [...chord.parts.values()].toSorted(byPlace) }
  }

  async endChord(groupId: string): Promise<void> {
    const chord = this.#chord(groupId)
    chord.isEnded = true
    chord.parts.clear()
  }

  async removeExpired(): Promise<number> {
    return this.#started().removeExpired(this.#clock.now())
  }

  #chord(groupId: string): MemoryChord {
    const { chords } = this.#started()
    const chord = chords.get(groupId)?.value ?? {
      size: null,
      extra: 0,
      parts: new Map(),
      claim: null,
      isEnded: false,
    }
    chords.set(groupId, this.#expiring(chord))
    return chord
  }

  #expiring<T>(value: T): { readonly value: T; readonly expiresAt: number } {
    return { value, expiresAt: this.#clock.now() + this.#expiresMs }
  }

  #started(): MemoryResults {
    if (!this.#isStarted) throw new AppError('STORE_UNAVAILABLE', 'the result backend is not started')
    return this.#results
  }
}

/** Stable: members without a place keep the order in which they came. */
const byPlace = (a: ChordPart, b: ChordPart): number =>
  a.groupIndex === b.groupIndex ? 0 : (a.groupIndex ?? Infinity) - (b.groupIndex ?? Infinity)
