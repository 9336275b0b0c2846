/**
 * Removes files of runs that the policy has given up, and measures them. What is removed is named by the database, never
 * found by looking: the artifact store may be shared with another installation.
 */
import { lstat, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  isFinalRunState,
  type FileRemoval,
  type RetentionLimits,
  type RunRecord,
  type Store,
} from '@celeriac/core'
import { pathOf, type ArtifactLayout } from '@celeriac/runtime'

export interface RunFilesDeps {
  readonly store: Pick<Store, 'findRun' | 'findRunHead'>
  readonly artifacts: ArtifactLayout
  /** Removes a file or a directory with all in it; what is not there is no error. */
  readonly remove?: (path: string) => Promise<void>
}

const removeFromDisk = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

/** `<attempt>`, `<attempt>.staging-…` and `<attempt>.log.jsonl` in the directory of an operator. */
const attemptName = /^([1-9]\d{0,8})(\.staging-[\w-]+|\.log\.jsonl)?$/

/**
 * Carries out one removal; resolves when nothing is left to do. Twice is no error.
 *
 * A run may be run again at any moment. Then its upstream artifacts are needed, so a run that is not old any more is left
 * alone; and should it happen while files go, which takes a while for a large run, nothing more goes than is going at that
 * moment, and only of attempts that were there before.
 */
export async function removeRunFiles(
  { runId, kind }: FileRemoval,
  limits: RetentionLimits,
  { store, artifacts, remove = removeFromDisk }: RunFilesDeps,
): Promise<void> {
  if (kind === 'run') {
    if ((await store.findRunHead(runId)) !== null) return
    await remove(pathOf(artifacts.runPrefix(runId)))
    return
  }
  const run = await store.findRun(runId)
  const limit = limits[kind]
  if (run === null || limit === null || !isOld(run, limit)) return
  for await (const path of filesOf(run, kind, artifacts)) {
    if ((await store.findRunHead(runId))?.version !== run.version) return
    await remove(path)
  }
}

const isOld = ({ state, finishedAt }: RunRecord, limit: number): boolean =>
  isFinalRunState(state) && finishedAt !== null && finishedAt < limit

async function* filesOf(
  { id: runId, plan, tasks }: RunRecord,
  kind: 'logs' | 'artifacts',
  artifacts: ArtifactLayout,
): AsyncGenerator<string> {
  for (const { ordinal, attempt } of tasks) {
    const operator = plan.operators[ordinal]
    if (operator === undefined || attempt === 0) continue
    const directory = dirname(pathOf(artifacts.attemptPrefix({ runId, operatorId: operator.id, attempt })))
    // A link that someone put there leads out of the run, perhaps into another one.
    if (!(await isDirectory(dirname(directory))) || !(await isDirectory(directory))) continue
    for (const name of await namesIn(directory)) {
      const [, number, rest] = attemptName.exec(name) ?? []
      if (number === undefined || Number(number) > attempt) continue
      if ((rest === '.log.jsonl') === (kind === 'logs')) yield join(directory, name)
    }
  }
}

const isDirectory = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(orMissing(null)))?.isDirectory() === true

/**
 * False where nothing was ever written, and on an empty mount point: to believe that one, that it has no files of any
 * run, would leave them behind for ever once the store is back. So would a link to a place that is not mounted.
 */
export const hasRunFiles = async (artifacts: ArtifactLayout): Promise<boolean> =>
  (await stat(join(pathOf(artifacts.root), 'runs')).catch(orMissing(null))) !== null

/** Bytes of all files of a run that this kind of removal takes. What disappears meanwhile has none. */
export async function measureRunFiles(
  { runId, kind }: FileRemoval,
  { store, artifacts }: RunFilesDeps,
  signal: AbortSignal,
): Promise<number> {
  if (kind === 'run') return bytesIn(pathOf(artifacts.runPrefix(runId)), signal)
  const run = await store.findRun(runId)
  let bytes = 0
  if (run !== null)
    for await (const path of filesOf(run, kind, artifacts)) bytes += await bytesIn(path, signal)
  return bytes
}

async function bytesIn(path: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted()
  const found = await lstat(path).catch(orMissing(null))
  if (found === null) return 0
  if (!found.isDirectory()) return found.size
  let bytes = 0
  for (const name of await namesIn(path)) bytes += await bytesIn(join(path, name), signal)
  return bytes
}

const namesIn = (directory: string): Promise<readonly string[]> => readdir(directory).catch(orMissing([]))

const orMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return value
    throw error
  }
