import { AppError } from '@celeriac/core'
import { outputFormats } from '@celeriac/contracts'
import { z } from 'zod'
import { artifactFile } from '../artifact-file.ts'
import { defineRoute, type Route } from '../route.ts'
import { findOperatorTask } from './operator-task.ts'
import { outputParams } from './path-params.ts'

const files = {
  parquet: { name: 'table.parquet', type: 'application/vnd.apache.parquet' },
  csv: { name: 'table.csv', type: 'text/csv; charset=utf-8' },
} as const

export const outputDownloadRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/operators/{operator}/outputs/{port}/download',
    operationId: 'downloadOutput',
    tag: 'runs',
    summary:
      'A table as a file: Parquet; CSV where the operator wrote one beside it (batch predict, when asked).',
    access: 'viewer',
    params: outputParams,
    query: z.strictObject({
      format: z.enum(outputFormats).default('parquet').describe('Format of the file.'),
    }),
    answers: { 200: { description: 'The file', contentType: 'application/octet-stream' } },
    errors: ['NOT_FOUND_RUN', 'NOT_FOUND_OPERATOR', 'NOT_FOUND_OUTPUT'],
    async handle({ params, query: { format } }, { store, artifacts }) {
      const { operator, task } = await findOperatorTask(params, { store })
      const artifact = task.result?.outputs[String(params.port)]
      const details = { run_id: params.id, operator_id: operator.id, port: params.port, format }
      if (artifact?.type !== 'Table')
        throw new AppError('NOT_FOUND_OUTPUT', 'the operator task has no such table, or not yet', {
          details: { ...details, state: task.state },
        })
      const { name, type } = files[format]
      try {
        const { bytes, content } = await artifactFile(artifact.uri, name, artifacts)
        const fileName = `${params.id}-${params.port}.${format}`
        return {
          status: 200,
          headers: {
            'content-type': type,
            'content-length': String(bytes),
            'content-disposition': `attachment; filename="${fileName}"`,
            // What a browser is sent here is data, never a page.
            'x-content-type-options': 'nosniff',
          },
          stream: content,
        }
      } catch (cause) {
        throw new AppError('NOT_FOUND_OUTPUT', 'the table was not written in this format, or is gone', {
          cause,
          details,
        })
      }
    },
  }),
]
