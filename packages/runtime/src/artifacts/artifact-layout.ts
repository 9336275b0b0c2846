import { isAbsolute, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { AppError } from '@celeriac/core'

export interface AttemptKey {
  readonly runId: string
  readonly operatorId: string
  /** From 1. */
  readonly attempt: number
}

/**
 * Where artifacts, logs and data sets lie below the artifact root. Pure: nothing is read or created. Every id becomes
 * one percent-encoded path segment, so that Chinese and odd ids are fine and none can leave its directory.
 */
export interface ArtifactLayout {
  /** The root, without a slash at the end. */
  readonly root: string
  runPrefix(runId: string): string
  /** `output_prefix` of an attempt: outputs are written next to it and renamed to it when complete. */
  attemptPrefix(key: AttemptKey): string
  portUri(key: AttemptKey, port: number): string
  /** Log of an attempt, a file beside its prefix: logs outlive failed attempts. */
  logUri(key: AttemptKey): string
  datasetPrefix(datasetId: number): string
}

// `~` and a trailing dot or blank are harmless on POSIX file systems; a control character never helps.
// oxlint-disable-next-line no-control-regex
const forbidden = /[/\\\u0000-\u001f\u007f\p{Surrogate}]/u

/** Longest file name of ext4, XFS and APFS, in bytes. */
const longestSegmentBytes = 255
const encoder = new TextEncoder()

/** One path segment. Throws INTERNAL_ERROR: ids are checked long before they reach a path. */
function segment(id: string): string {
  const isSafe =
    id !== '' &&
    id !== '.' &&
    id !== '..' &&
    !forbidden.test(id) &&
    encoder.encode(id).length <= longestSegmentBytes
  if (!isSafe)
    throw new AppError('INTERNAL_ERROR', 'an id cannot be used as a path segment', { details: { id } })
  return encodeURIComponent(id)
}

function ordinal(value: number, what: string): string {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new AppError('INTERNAL_ERROR', 'a number cannot be used as a path segment', {
      details: { [what]: value },
    })
  }
  return String(value)
}

/** @param rootUrl any URL that fsspec understands, e.g. `file:///var/lib/celeriac/artifacts` */
export function artifactLayout(rootUrl: string): ArtifactLayout {
  const root = rootUrl.replace(/\/+$/, '')
  const runPrefix = (runId: string): string => `${root}/runs/${segment(runId)}`
  const operatorPrefix = (key: AttemptKey): string => `${runPrefix(key.runId)}/${segment(key.operatorId)}`
  const attemptPrefix = (key: AttemptKey): string =>
    `${operatorPrefix(key)}/${ordinal(key.attempt, 'attempt')}`
  return {
    root,
    runPrefix,
    attemptPrefix,
    portUri: (key, port) => `${attemptPrefix(key)}/${ordinal(port, 'port')}`,
    logUri: (key) => `${attemptPrefix(key)}.log.jsonl`,
    datasetPrefix: (datasetId) => `${root}/datasets/${ordinal(datasetId, 'dataset')}`,
  }
}

/** The `file:` URL of a path; relative paths count from the working directory. */
export const fileUrlOf = (path: string): string =>
  pathToFileURL(isAbsolute(path) ? path : resolve(path)).href.replace(/\/+$/, '')

/** The path of a `file:` URL. Throws TASK_ARTIFACT_NOT_FOUND for other schemes: they are not on this machine. */
export function pathOf(uri: string): string {
  if (!URL.canParse(uri) || new URL(uri).protocol !== 'file:') {
    throw new AppError('TASK_ARTIFACT_NOT_FOUND', 'the artifact is not on a file system', {
      details: { uri },
    })
  }
  return fileURLToPath(uri)
}

/** True when `uri` lies below `rootUri` (both `file:`), after resolving `..` and percent-encoding. */
export function isBelow(rootUri: string, uri: string): boolean {
  try {
    return pathOf(uri).startsWith(pathOf(rootUri).replace(/[/\\]+$/, '') + sep)
  } catch {
    return false // not a file URL, or one with an encoded slash: in no case below the root
  }
}
