import { checkRows } from '@celeriac/contracts'
import { AppError, isAppError, messageOf } from '@celeriac/core'
import { setImmediate } from 'node:timers/promises'
import { buildScorer } from './build-scorer.ts'
import {
  deploymentSidecarSchema,
  fileReader,
  parseArtifact,
  parseLongArtifact,
  sampleSchema,
  type ArtifactReader,
  type DeploymentSidecar,
} from './deployment-files.ts'
import { ScorerMalformed } from './model-numbers.ts'
import { scorerFileSchema } from './scorer-file.ts'
import type { LoadedDeployment, Scorer, ServingReport } from './scorer.ts'
import { verifyScorer, type VerifiedRow } from './verify-scorer.ts'

/** Python writes no longer scorer (`SCORER_LIMIT_BYTES`); the others are small unless a model has many thousand inputs. */
const limitBytes = 32 * 1_048_576

/**
 * Reads a deployment, builds its scorer and compares it with Python's answers to the sample. A model that has none, or
 * whose scorer differs, is loaded with `scorer: null` and the reason.
 *
 * Rejects with TASK_ARTIFACT_NOT_FOUND (not there, never committed, or not on a file system) and EXECUTOR_PROTOCOL
 * (sidecar or sample are not what they should be).
 */
export async function loadDeployment(
  uri: string,
  reader: ArtifactReader = fileReader,
): Promise<LoadedDeployment> {
  if (!(await reader.isCommitted(uri)))
    throw new AppError('TASK_ARTIFACT_NOT_FOUND', 'the deployment does not exist, or was never committed', {
      details: { uri },
    })
  const read = async (name: string): Promise<string> => reader.read(uri, name, limitBytes)
  const sidecar = parseArtifact(deploymentSidecarSchema, await read('sidecar.json'), 'sidecar.json')
  const { rows } = parseArtifact(sampleSchema, await read('sample.json'), 'sample.json')
  const { name, signature, tolerance } = sidecar
  const checked = checkRows(
    signature,
    rows.map(({ input }) => input),
    null,
  )
  const isSound = checked.problems.length === 0
  const sample: VerifiedRow[] = checked.rows.map((row, index) => ({
    row,
    expected: rows[index]?.output ?? {},
  }))
  const served = isSound
    ? await serve(sidecar, sample, read)
    : byPython('rows of the sample do not fit the signature', tolerance)
  return { uri, name, signature, ...served, sample: isSound ? checked.rows : [] }
}

async function serve(
  { scorer, tolerance, signature }: DeploymentSidecar,
  sample: readonly VerifiedRow[],
  read: (name: string) => Promise<string>,
): Promise<Pick<LoadedDeployment, 'scorer' | 'report'>> {
  if (scorer === undefined) return byPython('it was deployed before there were native scorers', tolerance)
  if (scorer.file === null) return byPython(scorer.reason ?? 'it has no native scorer', tolerance)
  let built: Scorer
  try {
    const content = await read(scorer.file)
    // Up to 32 MiB: each step is a turn of its own, so that requests for other models are answered between.
    await setImmediate()
    const file = await parseLongArtifact(scorerFileSchema, content, scorer.file)
    await setImmediate()
    const [given, wanted] = [file.inputs, signature.inputs].map((inputs) =>
      JSON.stringify(inputs.map(({ name, type }) => [name, type])),
    )
    if (given !== wanted)
      return byPython('the inputs of the scorer are not those of the signature', tolerance)
    built = buildScorer(file)
  } catch (error) {
    // A damaged scorer, or one of a later release: Python knows the model as well.
    if (error instanceof ScorerMalformed || isAppError(error)) return byPython(reasonOf(error), tolerance)
    throw error
  }
  const report = verifyScorer(built, sample, tolerance)
  return { scorer: report.runtime === 'native' ? built : null, report }
}

function byPython(reason: string, tolerance: number): { scorer: null; report: ServingReport } {
  return { scorer: null, report: { runtime: 'python', reason, maxDifference: null, tolerance, rows: 0 } }
}

/** Why a deployment is left to Python, when reading it failed. */
export function reasonOf(error: unknown): string {
  if (!isAppError(error)) return messageOf(error)
  return `${error.message}: ${JSON.stringify(error.details)}`.slice(0, 500)
}
