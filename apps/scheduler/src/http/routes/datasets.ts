import { AppError } from '@celeriac/core'
import { datasetPageSchema, datasetSchema, pageQuerySchema, uploadQuerySchema } from '@celeriac/contracts'
import { receiveDataset } from '../../datasets/receive-dataset.ts'
import { uploadTypes } from '../../datasets/upload-parts.ts'
import { datasetParams } from './path-params.ts'
import { defineRoute, type BodyReader, type Route } from '../route.ts'
import { given, pageView } from '../views/page-view.ts'
import { datasetView } from '../views/record-views.ts'

/** The handler reads the body itself, as a stream. */
const upload: BodyReader<undefined> = {
  content: Object.fromEntries(
    uploadTypes.map((type) => [type, type === 'multipart/form-data' ? 'file' : 'any'] as const),
  ),
  required: true,
  read: () => Promise.resolve(undefined),
}

export const datasetRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/datasets',
    operationId: 'uploadDataset',
    tag: 'datasets',
    summary:
      'Uploads a CSV or Parquet file. CSV is checked line by line and its schema inferred; Parquet tells its own.',
    access: 'editor',
    audit: { action: 'dataset.upload', target: (_params, { id }) => id },
    query: uploadQuerySchema,
    body: upload,
    answers: { 201: { description: 'The data set', schema: datasetSchema, location: 'The data set' } },
    errors: ['VALIDATION_DATASET_MALFORMED', 'CONFLICT_DATASET_EXISTS', 'STORE_FULL', 'BROKER_UNAVAILABLE'],
    async handle({ query, request }, deps) {
      await deps.intake.require()
      const dataset = await receiveDataset(request, query, deps)
      return {
        status: 201,
        headers: { location: `/api/v1/datasets/${dataset.id}` },
        body: datasetView(dataset),
      }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/datasets',
    operationId: 'listDatasets',
    tag: 'datasets',
    summary: 'Lists data sets, newest first.',
    access: 'viewer',
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of data sets', schema: datasetPageSchema } },
    errors: [],
    async handle({ query }, { store }) {
      return { status: 200, body: pageView(await store.listDatasets(given(query)), datasetView) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/datasets/{id}',
    operationId: 'getDataset',
    tag: 'datasets',
    summary: 'A data set: where it is, its size and its columns.',
    access: 'viewer',
    params: datasetParams,
    answers: { 200: { description: 'The data set', schema: datasetSchema } },
    errors: ['NOT_FOUND_DATASET'],
    async handle({ params }, { store }) {
      const [dataset] = await store.findDatasets([params.id])
      if (dataset !== undefined) return { status: 200, body: datasetView(dataset) }
      throw new AppError('NOT_FOUND_DATASET', 'there is no such data set', { details: { id: params.id } })
    },
  }),
]
