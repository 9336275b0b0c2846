import { AppError, type ArtifactRef } from '@celeriac/core'
import { outputSchema, type OutputView } from '@celeriac/contracts'
import { isBelow, pathOf, type ArtifactLayout } from '@celeriac/runtime'
import { open, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { z } from 'zod'
import { defineRoute, type Route } from '../route.ts'
import { findOperatorTask, operatorParams } from './operator-task.ts'

/** Sidecars are small by contract (256 KiB); what is larger is not one. */
const maxSidecarBytes = 1_048_576

const previewSchema = z.object({ columns: z.array(z.string()), rows: z.array(z.array(z.unknown())) })

export const outputRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/operators/{operator}/outputs/{port}',
    operationId: 'getOutput',
    tag: 'runs',
    summary: 'An output of an operator task: its description and, for tables, the first rows.',
    access: 'token',
    params: operatorParams.extend({ port: z.coerce.number().int().min(0).max(1_000) }),
    answers: { 200: { description: 'The output', schema: outputSchema } },
    errors: ['NOT_FOUND_RUN', 'NOT_FOUND_OPERATOR', 'NOT_FOUND_OUTPUT'],
    async handle({ params }, { store, artifacts }) {
      const { operator, task } = await findOperatorTask(params, { store })
      const artifact = task.result?.outputs[String(params.port)]
      if (artifact === undefined)
        throw notFound('the operator task has no such output, or not yet', {
          run_id: params.id,
          operator_id: operator.id,
          port: params.port,
          state: task.state,
        })
      const sidecar = await readSidecar(artifact, artifacts)
      const preview = previewSchema.safeParse(sidecar['preview'])
      const body: OutputView = {
        run_id: params.id,
        operator_id: operator.id,
        port: params.port,
        attempt: task.attempt,
        type: artifact.type,
        uri: artifact.uri,
        rows: artifact.rows ?? null,
        sidecar,
        preview: preview.success ? preview.data : null,
      }
      return { status: 200, body }
    },
  }),
]

/** The URI comes from a worker's message: it must lead below the artifact root, also after its links are followed. */
async function readSidecar(
  artifact: ArtifactRef,
  artifacts: ArtifactLayout,
): Promise<Record<string, unknown>> {
  if (!isBelow(artifacts.root, artifact.uri))
    throw notFound('the output has no data in the artifact store', { uri: artifact.uri })
  try {
    const root = await realpath(pathOf(artifacts.root))
    const path = await realpath(join(pathOf(artifact.uri), 'sidecar.json'))
    if (!path.startsWith(root + sep)) throw new Error('the path leaves the artifact store')
    return JSON.parse(await readBounded(path)) as Record<string, unknown>
  } catch (cause) {
    throw new AppError('NOT_FOUND_OUTPUT', 'the description of the output cannot be read', {
      cause,
      details: { uri: artifact.uri },
    })
  }
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > maxSidecarBytes) throw new Error('the sidecar is too large')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

const notFound = (message: string, details: Record<string, string | number>): AppError =>
  new AppError('NOT_FOUND_OUTPUT', message, { details })
