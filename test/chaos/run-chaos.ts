import { mkdir, writeFile, copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fleet } from '../support/fleet.ts'
import { root } from '../support/processes.ts'
import { gatherEvidence, type Evidence } from './evidence.ts'
import { FaultInjector } from './fault-injector.ts'
import { planFaults, type Fault, type FaultKind } from './faults.ts'
import { countHandedOver, countRuns, recordChanges, type RunCounts } from './history.ts'
import { prove } from './proof.ts'
import { summaryOf, type ChaosReport } from './report.ts'
import { planRun } from './run-plans.ts'
import { Submitter } from './submitter.ts'

/**
 * DESIGN
 *
 * Runs drawn from a seed go through real schedulers and workers on a RabbitMQ and a PostgreSQL of their own, while faults
 * drawn from the same seed are carried out. A fault begins when its share of the runs has finished, not at a time: so the
 * machine's speed does not change which work it meets. What happened is read from three places that the platform's own
 * code does not keep: a ledger that the operators write, the artifacts, and a trigger in the database.
 */
export interface ChaosOptions {
  readonly seed: number
  readonly runs: number
  readonly faults: number
  readonly schedulers: number
  readonly workers: number
  readonly concurrency: number
  /** Default: all. */
  readonly kinds?: readonly FaultKind[]
  /** Told about once a second. */
  readonly onProgress?: (text: string) => void
}

/** Runs open at a time: enough to keep all slots busy, few enough to last for all faults. */
const window = 40
/** No run has ended for so long although all is well: it never will. */
const stalledMs = 120_000
/** Consequences of a fault for the fleet as a whole show within this time after it. */
const aftermathMs = 5_000

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, schedulers, workers, concurrency } = options
  const fleet = await Fleet.start({
    schedulers,
    workers,
    concurrency,
    env: {
      CELERIAC_ALGORITHMS_DIR: join(import.meta.dirname, 'algorithms'),
      CELERIAC_LOG_LEVEL: 'info',
      // Long operators outlive their delivery: both ways in which an attempt is guarded are broken.
      CELERIAC_HAND_OVER_AFTER: '1',
    },
  })
  try {
    const chaos = new Chaos(fleet, options)
    const report = await chaos.run().catch(async (error: unknown) => {
      const directory = await chaos.keep()
      throw new Error(`seed ${seed}, logs in ${directory}`, { cause: error })
    })
    if (report.violations.length > 0)
      options.onProgress?.(`${summaryOf(report)}\nlogs in ${await chaos.keep(report)}`)
    return report
  } finally {
    await fleet.destroy()
  }
}

class Chaos {
  readonly #fleet: Fleet
  readonly #options: ChaosOptions
  readonly #ledger: string
  readonly #submitter: Submitter
  readonly #injector: FaultInjector
  #counts: RunCounts = { made: 0, finished: 0 }
  #lastFault = ''
  #isOver = false

  constructor(fleet: Fleet, options: ChaosOptions) {
    this.#fleet = fleet
    this.#options = options
    this.#ledger = join(fleet.platform.dataDir, 'ledger.jsonl')
    this.#submitter = new Submitter(fleet, this.#ledger)
    this.#injector = new FaultInjector(fleet, (text) => {
      this.#lastFault = text
      this.#tell()
    })
  }

  async run(): Promise<ChaosReport> {
    const { runs } = this.#options
    await recordChanges(this.#fleet.platform.databaseUrl)
    const startedAt = performance.now()
    const watching = this.#watch()
    try {
      await Promise.race([Promise.all([this.#submitAll(), this.#breakThings()]), watching])
      await Promise.race([this.#injector.settled(), watching])
      await Promise.race([this.#untilFinished(runs), watching])
    } finally {
      this.#isOver = true
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    const { faults } = this.#injector
    const evidence = await gatherEvidence(this.#fleet, this.#submitter.accepted, faults, this.#ledger)
    return {
      ...prove(evidence),
      seed: this.#options.seed,
      runs,
      seconds,
      faults,
      handedOver: await countHandedOver(this.#fleet.platform.databaseUrl),
      refusals: this.#submitter.refusals,
      refusedWithoutRetryAfter: this.#submitter.withoutRetryAfter,
      pausesMs: faults.map((fault) => pauseDuring(fault, evidence)),
    }
  }

  /** Logs, ledger and report, for whoever looks into a failure. */
  async keep(report?: ChaosReport): Promise<string> {
    const directory = join(root, '.cache', 'chaos', `seed-${this.#options.seed}-${Date.now()}`)
    await mkdir(directory, { recursive: true })
    await this.#fleet.keepLogs(directory)
    await copyFile(this.#ledger, join(directory, 'ledger.jsonl')).catch(() => undefined)
    const facts = { options: this.#options, faults: this.#injector.faults, report }
    await writeFile(join(directory, 'report.json'), JSON.stringify(facts, null, 2))
    return directory
  }

  async #submitAll(): Promise<void> {
    const { runs, seed } = this.#options
    for (let index = 0; index < runs; index++) {
      await this.#untilFinished(index - window)
      await this.#submitter.submit(planRun(seed, index))
    }
  }

  async #breakThings(): Promise<void> {
    const { runs, seed, faults, kinds } = this.#options
    for (const [index, planned] of planFaults(seed, faults, kinds).entries()) {
      await this.#untilFinished(Math.floor(((index + 1) * runs) / (faults + 2)))
      await this.#injector.inject(planned)
    }
  }

  async #untilFinished(count: number): Promise<void> {
    while (this.#counts.finished < count && !this.#isOver) await delay(50)
  }

  /** Keeps the counts; rejects when nothing has moved for long. */
  async #watch(): Promise<void> {
    let movedAt = performance.now()
    while (!this.#isOver) {
      const counts = await countRuns(this.#fleet.platform.databaseUrl)
      if (counts && counts.finished > this.#counts.finished) movedAt = performance.now()
      if (counts) this.#counts = counts
      this.#tell()
      if (performance.now() - movedAt > stalledMs)
        throw new Error(`no run has ended for ${stalledMs / 1_000} s: ${JSON.stringify(this.#counts)}`)
      await delay(500)
    }
  }

  #tell(): void {
    const { runs, onProgress } = this.#options
    const { length } = this.#injector.faults
    onProgress?.(
      `${this.#counts.finished} of ${runs} runs finished, ${this.#submitter.accepted.length} accepted, ${length} faults over; ${this.#lastFault}`,
    )
  }
}

/** The longest time during the fault, and shortly after it, in which no execution began. */
function pauseDuring({ beganAt, endedAt }: Fault, { executions }: Evidence): number {
  const begins = executions
    .map((execution) => execution.beganAt)
    .filter((at) => at > beganAt)
    .toSorted((a, b) => a - b)
  let longest = 0
  let last = beganAt
  for (const at of begins) {
    longest = Math.max(longest, at - last)
    last = at
    if (at > endedAt + aftermathMs) break
  }
  return longest
}
