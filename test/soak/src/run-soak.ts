import { randomUUID } from 'node:crypto'
import { soakApp, type SoakPlace } from './app.ts'
import { fateOf, type Fate } from './fate.ts'
import { clearLedger, readLedger, type Ledger } from './ledger.ts'
import { courseOf, type MemoryCourse, type MemorySample } from './memory.ts'
import { openVhost } from './own-vhost.ts'
import { ToldEnds } from './told-ends.ts'
import { WorkerProcess } from './worker-process.ts'

/**
 * DESIGN
 *
 * Tasks whose fates are drawn from a seed go through two workers; two of these are killed, after a third and after two
 * thirds, each time with a successor. The second one is killed when the first successor has heard from it what was
 * revoked: what no living worker remembers is not revoked any more, in Celery as here. What happened is read from redis: every final state that was told while it ran, the
 * state that is stored at the end, and a count of executions that the handlers keep.
 *
 * The client keeps nothing per task, and no more than `window` tasks are out: so its memory, as the workers', must be
 * flat.
 */
export interface SoakOptions {
  readonly amqpUrl: string
  readonly redisUrl: string
  readonly tasks: number
  readonly seed: number
  /** Told about twice a second. */
  readonly onProgress?: (text: string) => void
}

export interface SoakReport extends Omit<Ledger, 'faults'> {
  readonly tasks: number
  readonly seed: number
  readonly seconds: number
  readonly tasksPerS: number
  readonly kills: number
  /** Ends that were told twice, both times the same. */
  readonly repeatedEnds: number
  readonly memory: readonly MemoryCourse[]
  readonly leftBehind: readonly string[]
  /** Empty, or the soak has failed: tasks without their end, with two ends, with another one than they should have. */
  readonly faults: readonly string[]
}

const window = 4_000
const largestBatch = 500
const sampleMs = 500

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const run = randomUUID().slice(0, 8)
  const vhost = await openVhost(options.amqpUrl, `celeriac-soak-${run}`)
  const place = { amqpUrl: vhost.url, redisUrl: options.redisUrl, keyPrefix: `soak-${run}.` }
  try {
    const soak = new Soak(options, place, run, vhost.idle)
    const seen = await soak.run()
    const ledger = await readLedger(place, { ...options, idOf: soak.idOf })
    const faults = [...seen.faults, ...ledger.faults]
    return { ...seen, ...ledger, faults, leftBehind: await vhost.leftBehind() }
  } finally {
    await clearLedger(place)
    await vhost.close()
  }
}

class Soak {
  readonly #options: SoakOptions
  readonly #place: SoakPlace
  readonly #run: string
  readonly #idle: () => Promise<void>
  readonly #workers: WorkerProcess[] = []
  readonly #memory = new Map<string, MemorySample[]>()
  #published = 0
  #kills = 0

  constructor(options: SoakOptions, place: SoakPlace, run: string, idle: () => Promise<void>) {
    this.#idle = idle
    this.#options = options
    this.#place = place
    this.#run = run
  }

  readonly idOf = (index: number): string => `${this.#run}-${index}`

  async run(): Promise<Omit<SoakReport, keyof Ledger | 'leftBehind'> & Pick<SoakReport, 'faults'>> {
    const { tasks, seed, redisUrl } = this.#options
    const indexOf = (id: string): number => (id.startsWith(this.#run) ? Number(id.split('-')[1]) : -1)
    const ends = await ToldEnds.listen({ redisUrl, keyPrefix: this.#place.keyPrefix, tasks, indexOf })
    const { application, soak } = soakApp(this.#place)
    const sampling = this.#sample(ends)
    const exits: string[] = []
    const startedAt = performance.now()
    try {
      for (const name of ['first', 'second']) await this.#start(name)
      // A revocation is a broadcast: before there are workers nobody hears it. Successors ask the others what was revoked.
      await Promise.all(this.#workers.map((worker) => worker.ready()))
      const firstKill = this.#kill(ends, 1 / 3, 'third')
      const secondKill = firstKill.then(() => this.#kill(ends, 2 / 3, 'fourth'))
      const work = [this.#publish(application, soak, ends, firstKill), secondKill, ends.until(tasks)]
      // A killed worker's attempt comes again, and with it the retries that follow: they may end after the first end of
      // their task, which holds RETRY meanwhile.
      await Promise.race([Promise.all(work).then(this.#idle), this.#stalled(ends)])
    } finally {
      sampling.stop()
      for (const worker of this.#workers)
        if (worker.isRunning) exits.push(`${worker.name}: ${await worker.end('SIGTERM')}`)
      await application.stop()
      ends.close()
    }
    const seconds = (performance.now() - startedAt) / 1_000
    return {
      tasks,
      seed,
      seconds: Number(seconds.toFixed(1)),
      tasksPerS: Math.round(tasks / seconds),
      kills: this.#kills,
      repeatedEnds: ends.repeats,
      memory: [...this.#memory].map(([name, samples]) => courseOf(name, samples, tasks)),
      faults: [...ends.faults, ...exits.filter((exit) => !exit.endsWith(': 0'))],
    }
  }

  async #start(name: string): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(`${name}@soak`, this.#place)
    this.#workers.push(worker)
    return worker
  }

  async #publish(
    application: ReturnType<typeof soakApp>['application'],
    soak: ReturnType<typeof soakApp>['soak'],
    ends: ToldEnds,
    successor: Promise<void>,
  ): Promise<void> {
    const { tasks, seed } = this.#options
    const batchSize = Math.min(largestBatch, Math.ceil(tasks / 20))
    while (this.#published < tasks) {
      const size = Math.min(batchSize, tasks - this.#published)
      // There must be work left to break when the second worker is killed.
      if (this.#published + size > tasks / 2) await successor
      await ends.until(this.#published + size - window)
      const batch = Array.from({ length: size }, (_, offset) => {
        const index = this.#published + offset
        return { id: this.idOf(index), index, fate: fateOf(seed, index) }
      })
      await application.applyMany(
        batch.map(({ id, index, fate }) =>
          soak.signature({
            args: [index, fate.kind, fate.failures, fate.countdown],
            taskId: id,
            ...(waits(fate) ? { countdown: 2 } : {}),
          }),
        ),
      )
      this.#published += size
      const idsOf = (kind: Fate['kind']): readonly string[] =>
        batch.filter(({ fate }) => fate.kind === kind).map(({ id }) => id)
      const [waiting, running] = [idsOf('revoked_waiting'), idsOf('revoked_running')]
      if (waiting.length > 0) await application.control.revoke(waiting)
      if (running.length > 0) await application.control.revoke(running, { terminate: true })
    }
  }

  /** Resolves when the successor takes tasks. */
  async #kill(ends: ToldEnds, share: number, successor: string): Promise<void> {
    await ends.until(Math.floor(this.#options.tasks * share))
    await this.#workers.find(({ isRunning }) => isRunning)?.end('SIGKILL')
    this.#kills++
    this.#tell(ends)
    await (await this.#start(successor)).ready()
  }

  /** Rejects when no task ends for a minute. */
  async #stalled(ends: ToldEnds): Promise<never> {
    for (;;) {
      const before = ends.ended
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
      if (ends.ended > before) continue
      const errors = this.#workers.map(({ name, errors: text }) => `${name}: ${text.slice(-2_000)}`)
      throw new Error(
        `no task has ended for a minute: ${ends.ended} of ${this.#options.tasks} have, ${this.#published} were ` +
          `called\n${errors.join('\n')}`,
      )
    }
  }

  #sample(ends: ToldEnds): { stop(): void } {
    const { tasks } = this.#options
    const look = async (): Promise<void> => {
      const progress = ends.ended / tasks
      this.#keep('client', progress, process.memoryUsage.rss() / 1_048_576)
      for (const worker of this.#workers) {
        const mib = await worker.residentMib()
        if (mib !== null) this.#keep(worker.name, progress, mib)
      }
      this.#tell(ends)
    }
    const timer = setInterval(() => void look(), sampleMs)
    return { stop: () => clearInterval(timer) }
  }

  #keep(name: string, progress: number, mib: number): void {
    const samples = this.#memory.get(name) ?? []
    this.#memory.set(name, samples)
    samples.push({ progress, mib })
  }

  #tell({ ended }: ToldEnds): void {
    const { tasks, onProgress } = this.#options
    const memory = [...this.#memory].map(
      ([name, samples]) => `${name} ${Math.round(samples.at(-1)?.mib ?? 0)}`,
    )
    onProgress?.(
      `${ended} of ${tasks} ended, ${this.#published} called, ${this.#kills} kills, MiB: ${memory.join(', ')}`,
    )
  }
}

const waits = ({ kind }: Fate): boolean => kind === 'revoked_waiting' || kind === 'succeed_later'
