import { encodeEngineMessage, type EngineMessage } from '@celeriac/contracts'
import { isFinalRunState, partitionOf, type RunRecord, type Store } from '@celeriac/core'
import { SimProcess } from './sim-process.ts'
import type { PlannedRun, Workload } from './workload.ts'
import type { World } from './world.ts'

const retryMs = 500
const pollMs = 1_000

/** Submits, cancels and reruns as the API does: what was not confirmed is asked for again. */
export class Users {
  readonly #world: World
  readonly #process: SimProcess
  readonly #store: Store
  readonly #broker: ReturnType<World['connect']>
  readonly #workload: Workload
  #open: number
  /** When the broker took the cancel of a run. */
  readonly cancelledAt = new Map<string, number>()
  /** Runs whose rerun was asked for, with the version that it was asked of. */
  readonly rerunOf = new Map<string, number>()

  constructor(world: World, workload: Workload) {
    this.#world = world
    this.#workload = workload
    this.#process = new SimProcess(world.loop, 'users')
    this.#store = world.storeFor(this.#process, { databaseCutUntil: 0 })
    this.#broker = world.connect(this.#process)
    this.#open = workload.runs.length
  }

  /** Everything that was to be asked for has been. */
  get isDone(): boolean {
    return this.#open === 0
  }

  start(): void {
    this.#process.after(0, 'start', () => {
      void this.#broker.start().then(() => {
        this.#workload.runs.forEach((run, index) => void this.#live(run, runIdOf(this.#world.seed, index)))
      })
    })
  }

  async #live(planned: PlannedRun, runId: string): Promise<void> {
    await this.#sleep(planned.atMs)
    await this.#insist(() => this.#submit(planned, runId))
    if (planned.isAnnounced) await this.#tell({ event: 'run.created', run_id: runId })
    if (planned.cancelAtMs !== null) {
      await this.#sleep(planned.cancelAtMs)
      await this.#insist(() => this.#cancel(runId))
    }
    if (planned.rerun !== null) await this.#rerun(runId, planned.rerun)
    this.#open--
  }

  async #submit({ plan }: PlannedRun, runId: string): Promise<boolean> {
    const dag = { name: `dag of ${runId}`, source: '', document: {}, plan, contentHash: runId }
    const { version } = await this.#store.registerDag(dag)
    const { dagId } = version
    await this.#store.createRun({ id: runId, dagId, dagVersion: 1, datasets: {}, idempotencyKey: runId })
    this.#world.tell(() => `users submit ${runId}: ${describe(plan)}`)
    return true
  }

  async #cancel(runId: string): Promise<boolean> {
    const head = await this.#store.findRunHead(runId)
    if (head === null || isFinalRunState(head.state)) return true
    if (!(await this.#tell({ event: 'run.cancel', run_id: runId }))) return false
    this.cancelledAt.set(runId, this.#world.loop.now)
    this.#world.tell(() => `users cancel ${runId}`)
    return true
  }

  async #rerun(runId: string, { from, only }: NonNullable<PlannedRun['rerun']>): Promise<void> {
    let run: RunRecord | null = null
    while (run === null || !isFinalRunState(run.state)) {
      await this.#sleep(pollMs)
      run = await this.#store.findRun(runId).catch(() => null)
    }
    const hasWork =
      from !== 'failed' || run.tasks.some(({ state }) => state !== 'succeeded' && state !== 'skipped')
    if (!hasWork) return
    const { version } = run
    // It may have arrived although nobody said so.
    this.#world.watch.rerunsAsked.set(runId, 1)
    await this.#insist(() => this.#tell({ event: 'run.rerun', run_id: runId, from, only, version }))
    this.rerunOf.set(runId, version)
    this.#world.tell(() => `users rerun ${runId} from ${from}`)
  }

  async #tell(message: EngineMessage & { readonly run_id: string }): Promise<boolean> {
    const queue = this.#world.topology.eventQueue(partitionOf(message.run_id))
    const [outcome] = await this.#broker.publish([encodeEngineMessage(message, queue)])
    return outcome === 'confirmed'
  }

  async #insist(what: () => Promise<boolean>): Promise<void> {
    while (!(await what().catch(() => false))) await this.#sleep(retryMs)
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#process.after(ms, 'users wait', resolve))
  }
}

/** The same for the same seed; spread over the partitions. */
const runIdOf = (seed: number, index: number): string => `run-${seed}-${index}`

const describe = ({ operators }: PlannedRun['plan']): string =>
  operators
    .map(({ id, upstream, triggerRule, retry, timeoutMs }) => {
      const limits = `${retry.max > 0 ? ` retries ${retry.max}` : ''}${timeoutMs === null ? '' : ` limit ${timeoutMs}`}`
      return `${id}(${upstream.join()}) ${triggerRule}${limits}`
    })
    .join('; ')
