import { AppError, messageOf } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { ResultTuple } from '../../result/task-meta.ts'
import { decodeFrame, encodeFrame, type ChildRequest, type FromChild } from './child-protocol.ts'
import type { Child, SpawnChild } from './spawn-child.ts'
import type { Job, JobEnd, JobHost, KillReason, RunningJob, TaskPool } from './task-pool.ts'

/**
 * DESIGN
 *
 * Children (processes or threads) that run one handler each.
 *   starting ── ready ──▶ idle ⇄ busy ── killed, or it ended by itself ──▶ gone, replaced while the pool needs it
 *                           └── too many tasks, too much memory, pool too large ──▶ gone
 * - A kill hits the child of that job and no other: a child has one job, and a job that waits for a child has none.
 * - A child that dies before it was ready is started again after a pause; `resize` waits for the children only at first,
 *   so that tasks that cannot be loaded end the start of the worker.
 */
export interface ChildPoolOptions {
  readonly isolation: 'process' | 'thread'
  readonly spawn: SpawnChild
  readonly modules: readonly string[]
  /** A child is replaced after so many tasks. @default no limit */
  readonly maxTasksPerChild?: number | null
  /** A process is replaced after the task that left it with more memory. @default no limit */
  readonly maxMemoryBytes?: number | null
  readonly logger: Logger
}

interface Slot {
  readonly child: Child
  state: 'starting' | 'idle' | 'busy' | 'gone'
  tasks: number
  assignment: Assignment | null
}

interface Assignment {
  readonly id: number
  readonly job: Job
  readonly settle: (end: JobEnd) => void
  slot: Slot | null
  killed: KillReason | null
}

/** A child that cannot load its tasks must not be started in a tight loop. */
const restartPauseMs = 1_000

export class ChildPool implements TaskPool {
  readonly isolation: 'process' | 'thread'
  readonly #options: ChildPoolOptions
  readonly #slots = new Set<Slot>()
  readonly #waiting: Assignment[] = []
  #size = 0
  #jobs = 0
  #isStopped = false
  #restart: NodeJS.Timeout | null = null
  #started: { resolve: () => void; reject: (error: Error) => void } | null = null
  #isReady = false
  #onEmpty: () => void = () => {}

  constructor(options: ChildPoolOptions) {
    this.#options = options
    this.isolation = options.isolation
  }

  get children(): readonly number[] {
    return [...this.#slots].map(({ child }) => child.pid)
  }

  /** At first rejects with EXECUTOR_UNAVAILABLE when the children cannot load the tasks. */
  async resize(size: number): Promise<void> {
    if (this.#isStopped) throw stoppedEarly()
    this.#size = size
    const started = this.#isReady
      ? null
      : new Promise<void>((resolve, reject) => (this.#started = { resolve, reject }))
    this.#fill()
    for (const slot of this.#slots) this.#retireSpare(slot)
    await started
  }

  /** Resolves when no child is left. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#started?.reject(stoppedEarly())
    if (this.#restart !== null) clearTimeout(this.#restart)
    for (const assignment of this.#waiting.splice(0))
      assignment.settle({ kind: 'killed', reason: 'handed_back' })
    for (const slot of this.#slots) {
      if (slot.assignment !== null) slot.assignment.killed ??= 'handed_back'
      slot.child.kill()
    }
    if (this.#slots.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve))
  }

  run(job: Job): RunningJob {
    let settle: (end: JobEnd) => void = () => {}
    const end = new Promise<JobEnd>((resolve) => (settle = resolve))
    const assignment: Assignment = { id: ++this.#jobs, job, settle, slot: null, killed: null }
    if (this.#isStopped) settle({ kind: 'killed', reason: 'handed_back' })
    else {
      this.#waiting.push(assignment)
      this.#assign()
    }
    return {
      get pid() {
        return assignment.slot?.child.pid ?? 0
      },
      end,
      abort: () => this.#send(assignment.slot, { kind: 'abort', job: assignment.id }),
      kill: (reason) => this.#kill(assignment, reason),
    }
  }

  #kill(assignment: Assignment, reason: KillReason): void {
    assignment.killed ??= reason
    const place = this.#waiting.indexOf(assignment)
    if (place >= 0) {
      this.#waiting.splice(place, 1)
      assignment.settle({ kind: 'killed', reason })
    } else if (assignment.slot?.assignment === assignment) assignment.slot.child.kill()
  }

  #fill(): void {
    while (!this.#isStopped && this.#slots.size < this.#size) this.#spawn()
  }

  #spawn(): void {
    const slot: Slot = {
      state: 'starting',
      tasks: 0,
      assignment: null,
      child: this.#options.spawn({
        onFrame: (text) => this.#onFrame(slot, decodeFrame<FromChild>(text)),
        onExit: (detail) => this.#onExit(slot, detail),
      }),
    }
    this.#slots.add(slot)
    this.#send(slot, { kind: 'load', modules: this.#options.modules })
  }

  #onFrame(slot: Slot, frame: FromChild): void {
    switch (frame.kind) {
      case 'ready':
        slot.state = 'idle'
        this.#isReady = true
        this.#started?.resolve()
        this.#retireSpare(slot)
        return this.#assign()
      case 'broken':
        return this.#onBroken(slot, frame.message)
      case 'end':
        return this.#onEnd(slot, frame)
      case 'ask':
        if (slot.assignment?.id === frame.job) void this.#answer(slot, slot.assignment.job.host, frame)
        return
      case 'log':
        if (slot.assignment?.id === frame.job)
          slot.assignment.job.host.logger[frame.level](JSON.parse(frame.fields) as object, frame.message)
        return
    }
  }

  #onBroken(slot: Slot, message: string): void {
    this.#options.logger.error({ reason: message }, 'a child of the pool cannot load the tasks')
    this.#started?.reject(
      new AppError('EXECUTOR_UNAVAILABLE', 'a child of the pool cannot load the tasks', {
        details: { reason: message },
      }),
    )
    slot.child.kill()
  }

  #onEnd(slot: Slot, { job, outcome, rssBytes }: Extract<FromChild, { kind: 'end' }>): void {
    const { assignment } = slot
    if (assignment === null || assignment.id !== job) return
    slot.assignment = null
    slot.tasks += 1
    slot.state = 'idle'
    // What was killed while it ended is as good as killed: whoever asked for it was told so.
    assignment.settle(assignment.killed === null ? outcome : { kind: 'killed', reason: assignment.killed })
    const { maxTasksPerChild, maxMemoryBytes } = this.#options
    const isUsedUp = typeof maxTasksPerChild === 'number' && slot.tasks >= maxTasksPerChild
    const isTooLarge =
      this.isolation === 'process' && typeof maxMemoryBytes === 'number' && rssBytes > maxMemoryBytes
    if (isUsedUp || isTooLarge || assignment.killed !== null) this.#retire(slot)
    else this.#retireSpare(slot)
    this.#assign()
  }

  #onExit(slot: Slot, detail: string): void {
    const wasStarting = slot.state === 'starting'
    const { assignment } = slot
    this.#slots.delete(slot)
    slot.state = 'gone'
    slot.assignment = null
    assignment?.settle(
      assignment.killed === null ? { kind: 'lost', detail } : { kind: 'killed', reason: assignment.killed },
    )
    if (this.#isStopped) {
      if (this.#slots.size === 0) this.#onEmpty()
      return
    }
    if (!wasStarting) return this.#fill()
    this.#options.logger.error({ detail }, 'a child of the pool ended before it was ready')
    this.#started?.reject(
      new AppError('EXECUTOR_UNAVAILABLE', 'a child of the pool ended at its start', { details: { detail } }),
    )
    this.#restart = setTimeout(() => this.#fill(), restartPauseMs)
  }

  #assign(): void {
    for (const slot of this.#slots) {
      if (slot.state !== 'idle') continue
      const assignment = this.#waiting.shift()
      if (assignment === undefined) return
      slot.state = 'busy'
      slot.assignment = assignment
      assignment.slot = slot
      try {
        assignment.job.onStarted(slot.child.pid)
        this.#send(slot, { kind: 'run', job: assignment.id, request: assignment.job.request })
      } catch (error) {
        slot.state = 'idle'
        slot.assignment = null
        assignment.settle({ kind: 'lost', detail: messageOf(error) })
      }
    }
  }

  /** Its place is taken at once; the kill of an idle child costs nobody anything. */
  #retire(slot: Slot): void {
    slot.state = 'gone'
    this.#slots.delete(slot)
    slot.child.kill()
    this.#fill()
  }

  #retireSpare(slot: Slot): void {
    if (slot.state === 'idle' && this.#slots.size > this.#size) this.#retire(slot)
  }

  async #answer(
    slot: Slot,
    host: JobHost,
    { ask, what }: Extract<FromChild, { kind: 'ask' }>,
  ): Promise<void> {
    try {
      this.#send(slot, { kind: 'reply', ask, result: await perform(host, what) })
    } catch (error) {
      this.#send(slot, { kind: 'refusal', ask, message: messageOf(error) })
    }
  }

  #send(slot: Slot | null, frame: Parameters<typeof encodeFrame>[0]): void {
    if (slot !== null && slot.state !== 'gone') slot.child.send(encodeFrame(frame))
  }
}

const stoppedEarly = (): AppError =>
  new AppError('EXECUTOR_UNAVAILABLE', 'the pool was stopped while it started')

async function perform(host: JobHost, what: ChildRequest): Promise<ResultTuple | null> {
  switch (what.kind) {
    case 'state':
      await host.updateState(what.state, what.meta)
      return null
    case 'apply':
      return host.apply(what.signature, what.options)
    case 'add_to_chord':
      return host.addToChord(what.signature)
  }
}
