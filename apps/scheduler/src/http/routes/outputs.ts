import { AppError, type ArtifactRef } from '@celeriac/core'
import { outputSchema, type OutputView } from '@celeriac/contracts'
import { isBelow, type ArtifactLayout } from '@celeriac/runtime'
import { z } from 'zod'
import { readSidecar } from '../../read-sidecar.ts'
import { defineRoute, type Route } from '../route.ts'
import { findOperatorTask } from './operator-task.ts'
import { outputParams } from './path-params.ts'

const previewSchema = z.object({ columns: z.array(z.string()), rows: z.array(z.array(z.unknown())) })

export const outputRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/operators/{operator}/outputs/{port}',
    operationId: 'getOutput',
    tag: 'runs',
    summary: 'An output of an operator task: its description and, for tables, the first rows.',
    access: 'viewer',
    params: outputParams,
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
      const sidecar = await sidecarOf(artifact, artifacts)
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

async function sidecarOf({ uri }: ArtifactRef, artifacts: ArtifactLayout): Promise<Record<string, unknown>> {
  if (!isBelow(artifacts.root, uri)) throw notFound('the output has no data in the artifact store', { uri })
  try {
    return await readSidecar(uri, artifacts)
  } catch (cause) {
    throw new AppError('NOT_FOUND_OUTPUT', 'the description of the output cannot be read', {
      cause,
      details: { uri },
    })
  }
}

const notFound = (message: string, details: Record<string, string | number>): AppError =>
  new AppError('NOT_FOUND_OUTPUT', message, { details })
