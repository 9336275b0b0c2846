import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { gatherEvidence, readLedger } from '../chaos/evidence.ts'
import type { Fault, FaultKind } from '../chaos/faults.ts'
import { recordChanges } from '../chaos/history.ts'
import { prove, type Proof } from '../chaos/proof.ts'
import type { RunPlan } from '../chaos/run-plans.ts'
import { Submitter } from '../chaos/submitter.ts'
import { Fleet, type Member } from '../support/fleet.ts'
import { until } from '../support/until.ts'

/** Ways in which somebody goes away while its peers are well. */
export const departures = ['killed', 'frozen', 'cut_off_broker', 'cut_off_database'] as const
export type Departure = (typeof departures)[number]

/** Seconds of the operator that a worker is taken from: longer than it takes to be given up. */
const longS = 4

/** Takes one member of a fleet away, waits until its peers have its work, and lets it come back, alive or as a zombie. */
export class Takeovers {
  readonly fleet: Fleet
  readonly #submitter: Submitter
  readonly #ledger: string
  readonly #faults: Fault[] = []
  #runs = 0

  private constructor(fleet: Fleet) {
    this.fleet = fleet
    this.#ledger = join(fleet.platform.dataDir, 'ledger.jsonl')
    this.#submitter = new Submitter(fleet, this.#ledger)
  }

  static async start(): Promise<Takeovers> {
    const fleet = await Fleet.start({
      schedulers: 2,
      workers: 2,
      env: { CELERIAC_ALGORITHMS_DIR: join(import.meta.dirname, '..', 'chaos', 'algorithms') },
    })
    await recordChanges(fleet.platform.databaseUrl)
    return new Takeovers(fleet)
  }

  /**
   * The worker that runs an operator goes away. Milliseconds until another execution of it began elsewhere; null when the
   * worker, cut off, had finished before.
   */
  async ofWorker(departure: Departure): Promise<number | null> {
    const run = await this.#submit([
      { id: 'long', upstream: [], seconds: longS, fails: false },
      { id: 'after', upstream: ['long'], seconds: 0, fails: false },
    ])
    const member = await until(async () => {
      const long = await this.#operator(run, 'long')
      const holder = this.fleet.workers.find(({ name }) => long.worker === `${name}@chaos`)
      if (long.state !== 'running' || holder === undefined) throw new Error(`${run}: long is ${long.state}`)
      return holder
    })
    const again = await this.#without(member, departure, async (beganAt) =>
      until(
        async () => {
          const execution = (await readLedger(this.#ledger)).find(
            (each) => each.run === run && each.operator === 'long' && each.beganAt > beganAt,
          )
          if (execution) return execution.beganAt - beganAt
          if ((await this.#operator(run, 'long')).state === 'succeeded') return null
          throw new Error(`${run}: nobody has taken over from ${member.name}`)
        },
        { intervalMs: 50 },
      ),
    )
    await this.#untilFinished()
    return again
  }

  /** The scheduler that owns most partitions goes away. Milliseconds until others own all of them. */
  async ofScheduler(departure: Departure): Promise<number> {
    const owners = await this.#owners()
    const [member] = this.fleet.schedulers.toSorted(
      (a, b) => partitionsOf(b, owners).length - partitionsOf(a, owners).length,
    )
    if (member === undefined) throw new Error('the fleet has no scheduler')
    const mine = signatureOf(member)
    // Partitions are on the move at any time, towards an even share: only what it still had is taken from it.
    const isMine = ({ owner }: Owned): boolean => owner.includes(mine)
    // In the middle of these runs, so that there is something to lose in every partition.
    for (let count = 0; count < 8; count++)
      await this.#submit([
        { id: 'a', upstream: [], seconds: 0.3, fails: false },
        { id: 'b', upstream: ['a'], seconds: 0.3, fails: false },
        { id: 'c', upstream: ['b'], seconds: 0.3, fails: false },
      ])
    const taken = await this.#without(member, departure, (beganAt) =>
      until(
        async () => {
          const now = await this.#owners()
          if (now.some(isMine)) throw new Error(`nobody has taken over from ${member.name}`)
          return Math.max(0, ...now.map(({ claimedAt }) => claimedAt - beganAt))
        },
        { intervalMs: 50 },
      ),
    )
    await this.#untilFinished()
    return taken
  }

  /** What became of all of it. */
  async prove(): Promise<Proof> {
    return prove(await gatherEvidence(this.fleet, this.#submitter.accepted, this.#faults, this.#ledger))
  }

  async #without<T>(member: Member, departure: Departure, work: (beganAt: number) => Promise<T>): Promise<T> {
    const kind: FaultKind =
      `${member.role}_${departure === 'cut_off_broker' && member.role === 'worker' ? 'cut_off' : departure}` as FaultKind
    const beganAt = Date.now()
    await leave(member, departure)
    try {
      return await work(beganAt)
    } finally {
      comeBack(member, departure)
      this.#faults.push({ kind, target: member.name, beganAt, endedAt: Date.now() })
      await member.ready()
    }
  }

  async #submit(operators: RunPlan['operators']): Promise<string> {
    const endOf = Object.fromEntries(operators.map(({ id }) => [id, 'succeeded' as const]))
    await this.#submitter.submit({ name: `takeover-${this.#runs++}`, operators, endOf, end: 'succeeded' })
    return this.#submitter.accepted.at(-1)?.id ?? ''
  }

  async #operator(
    run: string,
    id: string,
  ): Promise<{ readonly state: string; readonly worker: string | null }> {
    const [scheduler] = this.fleet.schedulers
    const operator = (await scheduler?.api.run(run))?.operators.find((each) => each.id === id)
    if (operator === undefined) throw new Error(`${run} has no operator ${id}`)
    return operator
  }

  async #untilFinished(): Promise<void> {
    const [scheduler] = this.fleet.schedulers
    for (const { id } of this.#submitter.accepted) await scheduler?.api.waitFor(id, ['succeeded', 'failed'])
  }

  #owners(): Promise<readonly Owned[]> {
    return this.fleet.platform.withDatabase(async (client) => {
      const { rows } = await client.query<Owned>(
        'SELECT id, owner, (extract(epoch FROM claimed_at) * 1000)::float8 AS "claimedAt" FROM partitions',
      )
      return rows
    })
  }
}

interface Owned {
  readonly id: number
  readonly owner: string
  readonly claimedAt: number
}

/** Each kind of takeover so many times: a table for the documentation. */
export async function measureTakeovers(
  repetitions: number,
  onProgress: (text: string) => void,
): Promise<{ readonly table: string; readonly violations: readonly string[] }> {
  const takeovers = await Takeovers.start()
  try {
    const rows: string[] = []
    for (const role of ['worker', 'scheduler'] as const)
      for (const departure of departures) {
        // Workers do not use the database.
        if (role === 'worker' && departure === 'cut_off_database') continue
        const times: number[] = []
        for (let count = 0; count < repetitions; count++) {
          const ms = await (role === 'worker'
            ? takeovers.ofWorker(departure)
            : takeovers.ofScheduler(departure))
          if (ms !== null) times.push(ms)
          onProgress(`${role} ${departure}: ${ms === null ? 'was not needed' : `${Math.round(ms)} ms`}`)
        }
        times.sort((a, b) => a - b)
        const seconds = (ms: number | undefined): string =>
          ms === undefined ? '–' : `${(ms / 1_000).toFixed(1)} s`
        const median = seconds(times[Math.floor(times.length / 2)])
        const what = `${role} ${departure.replaceAll('_', ' ').replace('cut off', 'cut off from the')}`
        rows.push(`| ${what} | ${times.length} | ${median} | ${seconds(times.at(-1))} |`)
      }
    const { violations } = await takeovers.prove()
    const head = '| who goes away | times | median | most |\n| --- | --- | --- | --- |'
    return { table: `${head}\n${rows.join('\n')}`, violations }
  } finally {
    await takeovers.fleet.destroy()
  }
}

/** Schedulers sign with their process id. */
const signatureOf = (member: Member): string => `-${member.process.child.pid}-`

const partitionsOf = (member: Member, owners: readonly Owned[]): readonly Owned[] =>
  owners.filter(({ owner }) => owner.includes(signatureOf(member)))

async function leave(member: Member, departure: Departure): Promise<void> {
  if (departure === 'killed') await member.kill()
  else if (departure === 'frozen') signalTree(member, 'SIGSTOP')
  else member.cutOff(departure === 'cut_off_broker' ? 'broker' : 'database')
}

function comeBack(member: Member, departure: Departure): void {
  if (departure === 'killed') member.startAgain()
  else if (departure === 'frozen') signalTree(member, 'SIGCONT')
  else member.join(departure === 'cut_off_broker' ? 'broker' : 'database')
}

/** With the Python processes below it: as when a machine is suspended. */
function signalTree(member: Member, signal: NodeJS.Signals): void {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const parents = new Map(rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]))
  const top = member.process.child.pid
  const isIn = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === top || isIn(parents.get(pid)))
  for (const pid of parents.keys())
    if (isIn(pid))
      try {
        process.kill(pid, signal)
      } catch {
        // Has just ended.
      }
}
