/**
 * Finds what killed processes left in the artifact store: staging directories of attempts
 * (`runs/<run>/<operator>/<attempt>.staging-<random>`, made by the Python package) and of uploads
 * (`datasets/.incoming-<id>`). Directories are read entry by entry, one at a time: the store may be a slow one with
 * millions of them, and nobody waits for the result.
 */
import type { Dirent } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Instant } from '@celeriac/core'
import { pathOf, type ArtifactLayout, type AttemptKey } from '@celeriac/runtime'
import { datasetsDirectory, incomingPrefix } from '../datasets/dataset-files.ts'

export interface Leftover {
  readonly path: string
  /** Whose it was; null: an upload's. */
  readonly attempt: AttemptKey | null
  /** When something in it was last written. */
  readonly touchedAt: Instant
}

const stagingName = /^([1-9]\d{0,8})\.staging-[\w-]+$/

export async function* findLeftovers(
  artifacts: ArtifactLayout,
  signal: AbortSignal,
): AsyncGenerator<Leftover> {
  yield* uploadLeftovers(datasetsDirectory(artifacts), signal)
  const runs = join(pathOf(artifacts.root), 'runs')
  for await (const run of directoriesIn(runs, signal))
    for await (const operator of directoriesIn(join(runs, run), signal))
      yield* attemptLeftovers({ directory: join(runs, run, operator), run, operator }, signal)
}

async function* uploadLeftovers(directory: string, signal: AbortSignal): AsyncGenerator<Leftover> {
  for await (const name of directoriesIn(directory, signal)) {
    if (!name.startsWith(incomingPrefix)) continue
    const path = join(directory, name)
    yield { path, attempt: null, touchedAt: await lastTouched(path, signal) }
  }
}

async function* attemptLeftovers(
  {
    directory,
    run,
    operator,
  }: { readonly directory: string; readonly run: string; readonly operator: string },
  signal: AbortSignal,
): AsyncGenerator<Leftover> {
  for await (const name of directoriesIn(directory, signal)) {
    const [, attempt] = stagingName.exec(name) ?? []
    const [runId, operatorId] = [idOf(run), idOf(operator)]
    if (attempt === undefined || runId === null || operatorId === null) continue
    const path = join(directory, name)
    yield {
      path,
      attempt: { runId, operatorId, attempt: Number(attempt) },
      touchedAt: await lastTouched(path, signal),
    }
  }
}

/** The id that a path segment stands for; null when the layout never made this segment. */
function idOf(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}

/** Real directories only: a link that someone put there leads out of the store. */
async function* directoriesIn(directory: string, signal: AbortSignal): AsyncGenerator<string> {
  for await (const entry of entriesOf(directory, signal)) if (entry.isDirectory()) yield entry.name
}

/** What is gone by the time it is looked at has no entries. */
async function* entriesOf(directory: string, signal: AbortSignal): AsyncGenerator<Dirent> {
  try {
    for await (const entry of await opendir(directory)) {
      signal.throwIfAborted()
      yield entry
    }
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

/** A directory's own time tells only when names were added; its files may have grown since. */
async function lastTouched(path: string, signal: AbortSignal): Promise<Instant> {
  let latest = await touchedAt(path)
  for await (const entry of entriesOf(path, signal)) {
    const inner = join(path, entry.name)
    latest = Math.max(latest, await (entry.isDirectory() ? lastTouched(inner, signal) : touchedAt(inner)))
  }
  return latest
}

async function touchedAt(path: string): Promise<Instant> {
  try {
    return (await lstat(path)).mtimeMs
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
