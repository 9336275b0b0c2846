import { modelSignatureSchema, type Cell, type Prediction } from '@celeriac/contracts'
import { AppError, type JsonObject } from '@celeriac/core'
import { pathOf } from '@celeriac/runtime'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'

/** Reads files of artifacts. Throws TASK_ARTIFACT_NOT_FOUND. */
export interface ArtifactReader {
  /** The content of `name` in the artifact `uri`; at most `limitBytes`. */
  read(uri: string, name: string, limitBytes: number): Promise<string>
  /** Whether the attempt that wrote the artifact was committed. */
  isCommitted(uri: string): Promise<boolean>
}

/** Artifacts on this machine, or on a file system that it shares: `file:` URIs. */
export const fileReader: ArtifactReader = {
  read: async (uri, name, limitBytes) => {
    const file = path.join(pathOf(uri), name)
    try {
      const { size } = await stat(file)
      if (size > limitBytes) throw notReadable(uri, name, { bytes: size, limit_bytes: limitBytes })
      return await readFile(file, 'utf8')
    } catch (error) {
      if (error instanceof AppError) throw error
      throw notReadable(uri, name, {}, error)
    }
  },
  isCommitted: async (uri) => {
    try {
      return (await stat(path.join(pathOf(uri), '..', '_committed.json'))).isFile()
    } catch (error) {
      if (error instanceof AppError) throw error
      return false
    }
  },
}

/** What serving needs of a deployment's `sidecar.json`. */
export const deploymentSidecarSchema = z.looseObject({
  type: z.literal('Deployment'),
  name: z.string().min(1),
  signature: modelSignatureSchema,
  tolerance: z.number().nonnegative().default(1e-6),
  /** Absent from deployments of earlier releases. */
  scorer: z.object({ file: z.literal('scorer.json').nullable(), reason: z.string().nullable() }).optional(),
})
export type DeploymentSidecar = z.output<typeof deploymentSidecarSchema>

/** Python writes 50 at most. */
const mostSampleRows = 1_000

export interface SampleRow {
  readonly input: Readonly<Record<string, Cell>>
  readonly output: Prediction
}

const isFlat = (value: unknown): value is Readonly<Record<string, Cell>> =>
  isObject(value) && Object.values(value).every(isCell)
const isCell = (value: unknown): boolean => value === null || typeof value !== 'object'
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** By hand: a wide table has a hundred thousand cells, and `z.json` takes microseconds for each. */
function isSampleRow(value: unknown): value is SampleRow {
  if (!isObject(value)) return false
  const { input, output } = value as Readonly<Record<string, unknown>>
  return (
    isFlat(input) && isObject(output) && Object.values(output).every((part) => isCell(part) || isFlat(part))
  )
}

/** `sample.json`: raw rows with Python's answers. */
export const sampleSchema = z.looseObject({
  rows: z
    .array(z.custom<SampleRow>(isSampleRow, { error: 'a row {input, output} is expected' }))
    .max(mostSampleRows),
})

/** Throws EXECUTOR_PROTOCOL for what is not JSON, or does not fit the schema. */
export function parseArtifact<Schema extends z.ZodType>(
  schema: Schema,
  content: string,
  name: string,
): z.output<Schema> {
  return checked(schema, jsonOf(content, name), name)
}

/** The same, with the event loop between reading the JSON and checking it. */
export async function parseLongArtifact<Schema extends z.ZodType>(
  schema: Schema,
  content: string,
  name: string,
): Promise<z.output<Schema>> {
  const json = jsonOf(content, name)
  await setImmediate()
  return checked(schema, json, name)
}

function jsonOf(content: string, name: string): unknown {
  try {
    return JSON.parse(content)
  } catch (error) {
    throw malformed(name, ['it is not JSON'], error)
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, json: unknown, name: string): z.output<Schema> {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.slice(0, 5)
  throw malformed(
    name,
    problems.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  )
}

const malformed = (file: string, problems: readonly string[], cause?: unknown): AppError =>
  new AppError('EXECUTOR_PROTOCOL', 'a file of the deployment does not fit its schema', {
    details: { file, problems },
    cause,
  })

const notReadable = (uri: string, file: string, facts: JsonObject, cause?: unknown): AppError =>
  new AppError('TASK_ARTIFACT_NOT_FOUND', 'a file of the deployment cannot be read', {
    details: { uri, file, ...facts },
    cause,
  })
