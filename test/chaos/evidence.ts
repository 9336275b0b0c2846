import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { RunView } from '../support/api-client.ts'
import type { Fleet } from '../support/fleet.ts'
import { root } from '../support/processes.ts'
import { until } from '../support/until.ts'
import type { Fault } from './faults.ts'
import { readChanges, type Change } from './history.ts'
import type { RunPlan } from './run-plans.ts'
import type { SubmittedRun } from './submitter.ts'

/** One start of an operator's code, as it wrote down itself. */
export interface Execution {
  readonly run: string
  readonly operator: string
  readonly attempt: number
  readonly token: string
  readonly beganAt: number
  /** Null when it never came to its end: killed, or stopped by the platform. */
  readonly endedAt: number | null
}

/** What stands in an artifact: who wrote it, and the tokens that it found in its inputs. */
export interface Artifact {
  readonly uri: string
  readonly run: string
  readonly operator: string
  readonly attempt: number
  readonly token: string
  readonly read: readonly string[]
}

export interface Evidence {
  readonly runs: readonly { readonly plan: RunPlan; readonly view: RunView }[]
  readonly executions: readonly Execution[]
  readonly artifacts: ReadonlyMap<string, Artifact>
  readonly changes: readonly Change[]
  readonly faults: readonly Fault[]
  /** Of the whole fleet. */
  readonly slots: number
  /** Runs in the database beyond those accepted, messages in queues, slots that are still taken. */
  readonly leftovers: readonly string[]
  /** Artifacts that cannot be read. */
  readonly unreadable: readonly string[]
}

export async function gatherEvidence(
  fleet: Fleet,
  accepted: readonly SubmittedRun[],
  faults: readonly Fault[],
  ledger: string,
): Promise<Evidence> {
  // First: what is left needs a moment to go, and must go by itself.
  const leftovers = [...(await leftoversOf(fleet)), ...(await strangers(fleet, accepted))]
  const [scheduler] = fleet.schedulers
  if (scheduler === undefined) throw new Error('the fleet has no scheduler')
  const runs: { plan: RunPlan; view: RunView }[] = []
  for (const { id, plan } of accepted) runs.push({ plan, view: await scheduler.api.run(id) })
  const uris = runs.flatMap(({ view }) =>
    view.operators.flatMap(({ outputs }) => Object.values(outputs).map(({ uri }) => uri)),
  )
  const { artifacts, unreadable } = await readArtifacts([...new Set(uris)])
  return {
    runs,
    executions: await readLedger(ledger),
    artifacts,
    unreadable,
    changes: await readChanges(fleet.platform.databaseUrl),
    faults,
    slots: fleet.workers.length * fleet.concurrency,
    leftovers,
  }
}

export async function readLedger(file: string): Promise<readonly Execution[]> {
  interface Line extends Omit<Execution, 'beganAt' | 'endedAt'> {
    readonly what: 'began' | 'ended'
    /** By the machine's monotonic clock. */
    readonly at: number
  }
  // That clock is `hrtime` here; everybody else tells the time of day.
  const sinceEpochMs = Date.now() - Number(process.hrtime.bigint() / 1_000_000n)
  const lines = (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const endings = new Map(
    lines.filter(({ what }) => what === 'ended').map(({ token, at }) => [token, at + sinceEpochMs]),
  )
  return lines
    .filter(({ what }) => what === 'began')
    .map(({ run, operator, attempt, token, at }) => ({
      run,
      operator,
      attempt,
      token,
      beganAt: at + sinceEpochMs,
      endedAt: endings.get(token) ?? null,
    }))
}

async function readArtifacts(
  uris: readonly string[],
): Promise<{ artifacts: ReadonlyMap<string, Artifact>; unreadable: readonly string[] }> {
  const python = process.env['CELERIAC_PYTHON'] ?? join(root, '.venv', 'bin', 'python')
  const child = spawn(python, [join(import.meta.dirname, 'read_artifacts.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(uris.map((uri) => `${uri}\n`).join(''))
  const lines = (await text(child.stdout)).split('\n').filter((line) => line !== '')
  const rows = lines.map((line) => JSON.parse(line) as Artifact & { readonly problem?: string })
  if (rows.length !== uris.length)
    throw new Error(`${rows.length} of ${uris.length} artifacts were looked at`)
  return {
    artifacts: new Map(rows.filter(({ problem }) => problem === undefined).map((row) => [row.uri, row])),
    unreadable: rows.flatMap(({ uri, problem }) => (problem === undefined ? [] : [`${uri}: ${problem}`])),
  }
}

/** Looks again while there is something left, for half a minute. */
async function leftoversOf(fleet: Fleet): Promise<readonly string[]> {
  let left: readonly string[] = []
  const look = async (): Promise<void> => {
    const messages = Object.entries(await fleet.messages()).map(([queue, count]) => `${count} in ${queue}`)
    const slots: string[] = []
    for (const { name, api } of fleet.schedulers) {
      const { items } = await api.json<{ items: { name: string; active: number | null }[] }>(
        'GET',
        '/api/v1/workers',
      )
      for (const worker of items)
        if (worker.active !== 0) slots.push(`${worker.active} slots of ${worker.name}, says ${name}`)
      if (items.length !== fleet.workers.length) slots.push(`${name} knows ${items.length} workers`)
    }
    left = [...messages, ...slots]
    if (left.length > 0) throw new Error('not yet')
  }
  await until(look, { timeoutMs: 30_000, intervalMs: 500 }).catch(() => undefined)
  return left
}

/** Runs that nobody was told of, or that were lost. */
async function strangers(fleet: Fleet, accepted: readonly SubmittedRun[]): Promise<readonly string[]> {
  const stored = await fleet.platform.withDatabase(async (client) => {
    const { rows } = await client.query<{ id: string }>('SELECT id FROM runs')
    return new Set(rows.map(({ id }) => id))
  })
  const known = new Set(accepted.map(({ id }) => id))
  return [
    ...[...stored].filter((id) => !known.has(id)).map((id) => `run ${id}, which no client knows`),
    ...[...known].filter((id) => !stored.has(id)).map((id) => `run ${id} was accepted and is lost`),
  ]
}
