import { newId } from '@celeriac/runtime'
import { ownPassword } from './a-token.ts'
import { chainDocument, type CallOptions, type Harness } from './api-harness.ts'
import { asChampion, finishRun } from './finish-run.ts'
import { inferenceRouteCases } from './inference-route-cases.ts'
import { irisRouteCases } from './iris-route-cases.ts'
import { taskRouteCases } from './task-route-cases.ts'

/** An API with one of everything: finished runs with an output, their DAG, a data set, a model. */
export interface World {
  readonly api: Harness
  readonly runId: string
  /** A finished run that may be run again. */
  readonly otherRunId: string
  /** An API token of nobody. */
  readonly tokenId: string
  /** The token of a login. */
  readonly session: string
  /** Of a user of its own, whose password may be changed once. */
  readonly changer: string
  /** Of the iris table; not finished. */
  readonly trainingId: string
}

export async function makeWorld(api: Harness): Promise<World> {
  await api.engine.start()
  await api.call('POST', '/api/v1/datasets?id=40', { type: 'text/csv', body: 'a,b\n1,2\n' })
  await api.call('POST', '/api/v1/dags', {
    type: 'application/yaml',
    body: `schedule: '0 2 * * *'\n${chainDocument(['a'], 'scheduled')}`,
  })
  for (const name of ['put', 'removed'])
    await api.call('PUT', `/api/v1/schedules/${name}`, {
      type: 'application/json',
      body: '{"when":{"every":"1h"},"target":{"task":"tasks.add"}}',
    })
  for (const username of ['ann', 'changed', 'changer'])
    await api.call('POST', '/api/v1/users', {
      type: 'application/json',
      body: JSON.stringify({ username, password: ownPassword }),
    })
  const created = await api.call('POST', '/api/v1/tokens', { type: 'application/json', body: '{"name":"x"}' })
  const tokenId: string = created.body.token.id
  const loginOf = async (username: string): Promise<string> => {
    const body = JSON.stringify({ username, password: ownPassword })
    return (await api.call('POST', '/api/v1/auth/login', json(body))).body.token
  }
  const logins = { session: await loginOf('ann'), changer: await loginOf('changer') }
  const training = await api.call('POST', '/api/train', json('{"cluster_number":3}'))
  const ids = { tokenId, ...logins, trainingId: training.body.train_task_id }
  return { api, ...ids, runId: await finishRun(api), otherRunId: await finishRun(api) }
}

export interface RouteCase {
  /** What must be done for the call to succeed. */
  readonly before?: (world: World) => Promise<unknown>
  /** A call that succeeds, and the status of its answer. */
  readonly good: (world: World) => {
    readonly path: string
    readonly status: number
    readonly options?: CallOptions
  }
  /** Bodies that are refused: what they are, the status, and what is sent instead of the good body. */
  readonly bad?: readonly (readonly [what: string, status: number, options: CallOptions])[]
}

const json = (body: string): CallOptions => ({ type: 'application/json', body })
const yaml = (body: string): CallOptions => ({ type: 'application/yaml', body })
const csv = (body: string): CallOptions => ({ type: 'text/csv', body })

const notJson = [
  ['half of a JSON text', 400, json('{"half":')],
  ['an unknown key', 400, json('{"unknown":1}')],
  ['a list', 400, json('[]')],
  ['null', 400, json('null')],
  ['bytes that are no text', 400, { type: 'application/json', body: new Uint8Array([0xff, 0xfe, 0x7b]) }],
  ['another type', 415, { type: 'text/plain', body: '{}' }],
  ['a compressed body', 415, { ...json('{}'), headers: { 'content-encoding': 'gzip' } }],
  ['too much', 413, json(`{"from":"${'x'.repeat(1_100_000)}"}`)],
] as const
/** For bodies of a limit of their own. */
const notJsonOf = (maxBytes: number) => [
  ...notJson.slice(0, -1),
  ['too much', 413, json(`{"x":"${'x'.repeat(maxBytes)}"}`)] as const,
]
const notADocument = [
  ['nothing', 415, {}],
  ['an empty JSON object', 400, json('{}')],
  ['a source that is no text', 400, json('{"source":5}')],
  ['half of a JSON text', 400, json('{"source":')],
  ['bytes that are no text', 400, { type: 'application/yaml', body: new Uint8Array([0x61, 0xe9]) }],
  ['another type', 415, { type: 'text/html', body: '<p>' }],
  ['a compressed body', 415, { ...yaml('x'), headers: { 'content-encoding': 'br' } }],
  ['too much', 413, yaml('x'.repeat(17 * 1_048_576))],
] as const
const brokenDocuments = [
  ['YAML that is none', 422, yaml('dag: [')],
  ['YAML without a DAG', 422, yaml('just text')],
  ['an alias bomb', 422, yaml(`a: &a [x]\n${'b: [*a, *a, *a, *a]\n'.repeat(50)}`)],
  ['an empty document', 422, yaml('')],
] as const

const document = chainDocument(['a'], 'world')

/** One case per operation of the OpenAPI document, by operation id. */
export const routeCases: Readonly<Record<string, RouteCase>> = {
  registerDag: {
    good: () => ({ path: '/api/v1/dags', status: 200, options: yaml(document) }),
    bad: [...notADocument, ...brokenDocuments],
  },
  validateDag: {
    good: () => ({ path: '/api/v1/dags/validate', status: 200, options: yaml('dag: [') }),
    bad: notADocument,
  },
  listDags: { good: () => ({ path: '/api/v1/dags?limit=1', status: 200 }) },
  getDag: { good: () => ({ path: '/api/v1/dags/world', status: 200 }) },
  getDagVersion: { good: () => ({ path: '/api/v1/dags/world/versions/1', status: 200 }) },
  submitRun: {
    good: () => ({ path: '/api/v1/runs', status: 202, options: json(JSON.stringify({ source: document })) }),
    bad: [...notADocument, ...brokenDocuments],
  },
  runDag: {
    good: () => ({ path: '/api/v1/dags/world/runs', status: 202 }),
    bad: [...notJson, ['a version that is no number', 400, json('{"version":"1"}')]],
  },
  listRuns: { good: () => ({ path: '/api/v1/runs?state=succeeded', status: 200 }) },
  getRun: { good: ({ runId }) => ({ path: `/api/v1/runs/${runId}`, status: 200 }) },
  cancelRun: {
    good: () => ({ path: '/api/v1/runs/new/cancel', status: 202 }),
  },
  rerunRun: {
    good: ({ otherRunId }) => ({
      path: `/api/v1/runs/${otherRunId}/rerun`,
      status: 202,
      options: json('{"from":"a","only":true}'),
    }),
    bad: [...notJson, ['a flag that is none', 400, json('{"only":"yes"}')]],
  },
  explainRun: { good: ({ runId }) => ({ path: `/api/v1/runs/${runId}/explain?limit=5`, status: 200 }) },
  explainOperator: {
    good: ({ runId }) => ({ path: `/api/v1/runs/${runId}/operators/a/explain`, status: 200 }),
  },
  watchRun: { good: ({ runId }) => ({ path: `/api/v1/runs/${runId}/events`, status: 200 }) },
  getLogs: {
    good: ({ runId }) => ({ path: `/api/v1/runs/${runId}/operators/a/logs?offset=0`, status: 200 }),
  },
  getOutput: { good: ({ runId }) => ({ path: `/api/v1/runs/${runId}/operators/a/outputs/0`, status: 200 }) },
  listSchedules: { good: () => ({ path: '/api/v1/schedules?limit=1', status: 200 }) },
  createSchedule: {
    good: () => ({
      path: '/api/v1/schedules',
      status: 201,
      options: json(JSON.stringify({ name: newId(), when: { every: '1h' }, target: { dag: 'world' } })),
    }),
    bad: [
      ...notJson,
      ['nothing', 415, {}],
      ['no name', 400, json('{"when":{"every":"1h"},"target":{"dag":"world"}}')],
      ['a cron expression that is none', 400, json('{"name":"x","when":{"cron":"x"},"target":{"dag":"a"}}')],
      ['two targets', 400, json('{"name":"x","when":{"every":"1h"},"target":{"dag":"a","task":"b"}}')],
      [
        'arguments that are nested too deep',
        400,
        json(
          `{"name":"x","when":{"every":9},"target":{"task":"a","args":${'['.repeat(9_000)}${']'.repeat(9_000)}}}`,
        ),
      ],
      [
        'arguments that are too large',
        400,
        json(`{"name":"x","when":{"every":9},"target":{"task":"a","args":["${'x'.repeat(70_000)}"]}}`),
      ],
      [
        'no due time',
        422,
        json('{"name":"x","when":{"every":9},"target":{"dag":"a"},"end_at":"2020-01-01T00:00:00Z"}'),
      ],
    ],
  },
  getSchedule: { good: () => ({ path: '/api/v1/schedules/scheduled', status: 200 }) },
  putSchedule: {
    good: () => ({
      path: '/api/v1/schedules/put',
      status: 200,
      options: json('{"when":{"every":"1h"},"target":{"task":"tasks.add"}}'),
    }),
    bad: [...notJson, ['no target', 400, json('{"when":{"every":"1h"}}')]],
  },
  patchSchedule: {
    good: () => ({ path: '/api/v1/schedules/scheduled', status: 200, options: json('{"enabled":false}') }),
    bad: [...notJson, ['times of the document', 409, json('{"when":{"every":"1h"}}')]],
  },
  deleteSchedule: { good: () => ({ path: '/api/v1/schedules/removed', status: 200 }) },
  triggerSchedule: { good: () => ({ path: '/api/v1/schedules/scheduled/trigger', status: 202 }) },
  listFirings: { good: () => ({ path: '/api/v1/schedules/scheduled/firings', status: 200 }) },
  uploadDataset: {
    good: () => ({ path: '/api/v1/datasets', status: 201, options: csv('x,y\n1,2\n') }),
    bad: [
      ['nothing', 415, {}],
      ['another type', 415, json('{}')],
      ['an empty file', 422, csv('')],
      ['a row that is too short', 422, csv('a,b\n1\n')],
      ['a quote that is not closed', 422, csv('a,b\n"1,2\n')],
      ['bytes that are no text', 422, { type: 'text/csv', body: new Uint8Array([0x61, 0x0a, 0xe9, 0x0a]) }],
      ['a NUL', 422, csv('a\n\u0000\n')],
      ['Parquet that is none', 422, { type: 'application/x-parquet', body: 'not Parquet' }],
      ['a form without a boundary', 415, { type: 'multipart/form-data', body: 'x' }],
      ['a form without a file', 400, { type: 'multipart/form-data; boundary=x', body: '--x--\r\n' }],
      ['a compressed body', 415, { ...csv('a\n1\n'), headers: { 'content-encoding': 'gzip' } }],
      ['too much', 413, csv(`a\n${'1\n'.repeat(150_000)}`)],
    ],
  },
  listDatasets: { good: () => ({ path: '/api/v1/datasets', status: 200 }) },
  getDataset: { good: () => ({ path: '/api/v1/datasets/40', status: 200 }) },
  listAlgorithms: { good: () => ({ path: '/api/v1/algorithms?all=true', status: 200 }) },
  listModels: { good: () => ({ path: '/api/v1/models?name=model', status: 200 }) },
  getModel: { good: () => ({ path: '/api/v1/models/model?alias=champion', status: 200 }) },
  getModelVersion: { good: () => ({ path: '/api/v1/models/model/versions/1', status: 200 }) },
  downloadModelVersion: { good: () => ({ path: '/api/v1/models/model/versions/1/download', status: 200 }) },
  getModelRoute: { good: () => ({ path: '/api/v1/models/model/route', status: 200 }) },
  listModelChanges: { good: () => ({ path: '/api/v1/models/model/changes', status: 200 }) },
  getModelDrift: { good: () => ({ path: '/api/v1/models/model/versions/1/drift', status: 200 }) },
  setModelAlias: {
    good: () => ({ path: '/api/v1/models/model/aliases/blue', status: 200, options: json('{"version":2}') }),
    bad: [
      ...notJson,
      ['no version', 400, json('{}')],
      ['a version that is text', 400, json('{"version":"2"}')],
    ],
  },
  removeModelAlias: { good: () => ({ path: '/api/v1/models/model/aliases/blue', status: 200 }) },
  promoteModel: {
    good: () => ({
      path: '/api/v1/models/model/promote',
      status: 200,
      options: json('{"alias":"champion"}'),
    }),
    bad: [...notJson, ['two names', 400, json('{"version":1,"alias":"champion"}')]],
  },
  rollBackModel: { good: () => ({ path: '/api/v1/models/model/rollback', status: 200 }) },
  setModelTraffic: {
    good: () => ({
      path: '/api/v1/models/model/traffic',
      status: 200,
      options: json('{"shadow":{"alias":"champion","percent":0.5}}'),
    }),
    bad: [
      ...notJson,
      ['more than everything', 400, json('{"canary":{"version":1,"percent":101}}')],
      ['no version', 400, json('{"canary":{"percent":1}}')],
      ['two versions', 400, json('{"canary":{"version":1,"alias":"champion","percent":1}}')],
      ['an unknown version', 404, json('{"canary":{"version":99,"percent":1}}')],
    ],
  },
  // Of the version that no alias names: two runs have deployed a champion, and one was rolled back to.
  archiveModelVersion: { good: () => ({ path: '/api/v1/models/model/versions/2/archive', status: 200 }) },
  restoreModelVersion: { good: () => ({ path: '/api/v1/models/model/versions/2/restore', status: 200 }) },
  deleteModelVersion: {
    before: async ({ api }) => {
      await finishRun(api, { ...asChampion, name: 'spare' })
      await finishRun(api, { name: 'spare' })
      await api.call('POST', '/api/v1/models/spare/versions/2/archive')
    },
    good: () => ({ path: '/api/v1/models/spare/versions/2', status: 200 }),
  },
  predict: {
    good: () => ({
      path: '/api/v1/models/model/predict',
      status: 200,
      options: json('{"rows":[{"age":1}]}'),
    }),
    bad: [
      ...notJson,
      ['nothing', 415, {}],
      ['no rows', 400, json('{"rows":[]}')],
      ['rows that are numbers', 400, json('{"rows":[1]}')],
    ],
  },
  listWorkers: { good: () => ({ path: '/api/v1/workers', status: 200 }) },
  getRetention: { good: () => ({ path: '/api/v1/retention', status: 200 }) },
  previewRetention: { good: () => ({ path: '/api/v1/retention/preview', status: 200 }) },
  startRetention: { good: () => ({ path: '/api/v1/retention', status: 202 }) },
  register: {
    good: () => ({
      path: '/api/v1/auth/register',
      status: 201,
      options: json(JSON.stringify({ username: `r${newId().slice(-12)}`, password: 'long enough' })),
    }),
    bad: [
      ...notJsonOf(262_144),
      ['a short password', 400, json('{"username":"bob","password":"short"}')],
      ['a role', 400, json('{"username":"bob","password":"long enough","role":"admin"}')],
      ['a name that is an id', 400, json(`{"username":"${newId()}","password":"long enough"}`)],
      [
        'an address with a NUL',
        400,
        json(String.raw`{"username":"bob","password":"long enough","email":"a\u0000@b.c"}`),
      ],
      [
        'an address with an escape',
        400,
        json(String.raw`{"username":"bob","password":"long enough","email":"a@b\u001b[2J.c"}`),
      ],
      ['a name that is taken', 409, json('{"username":"ANN","password":"long enough"}')],
    ],
  },
  login: {
    good: () => ({
      path: '/api/v1/auth/login',
      status: 200,
      options: json('{"username":"Ann","password":"a password of ann"}'),
    }),
    bad: [
      ...notJsonOf(262_144),
      ['a wrong password', 401, json('{"username":"ann","password":"a password of bob"}')],
    ],
  },
  logout: { good: () => ({ path: '/api/v1/auth/logout', status: 200 }) },
  logoutAll: { good: () => ({ path: '/api/v1/auth/logout-all', status: 200 }) },
  changePassword: {
    good: ({ changer }) => ({
      path: '/api/v1/auth/password',
      status: 200,
      options: { ...json(`{"current":"${ownPassword}","new":"another password"}`), token: changer },
    }),
    bad: [
      ...notJsonOf(262_144),
      ['a short password', 400, json(`{"current":"${ownPassword}","new":"short"}`)],
      ['the same password', 400, json(`{"current":"${ownPassword}","new":"${ownPassword}"}`)],
      ['a token without a password', 403, json(`{"current":"${ownPassword}","new":"another password"}`)],
    ],
  },
  me: { good: () => ({ path: '/api/v1/auth/me', status: 200 }) },
  listTokens: { good: () => ({ path: '/api/v1/tokens?limit=1', status: 200 }) },
  createToken: {
    good: () => ({
      path: '/api/v1/tokens',
      status: 201,
      options: json('{"name":"ci","role":"viewer","scopes":["read"]}'),
    }),
    bad: [
      ...notJson,
      ['no name', 400, json('{}')],
      ['a scope that is none', 400, json('{"name":"x","scopes":["all"]}')],
      ['a lifetime that is none', 400, json('{"name":"x","expires_in_days":0}')],
    ],
  },
  revokeToken: { good: ({ tokenId }) => ({ path: `/api/v1/tokens/${tokenId}`, status: 200 }) },
  listUsers: { good: () => ({ path: '/api/v1/users?limit=1', status: 200 }) },
  createUser: {
    good: () => ({
      path: '/api/v1/users',
      status: 201,
      options: json(
        JSON.stringify({ username: `u${newId().slice(-12)}`, password: 'long enough', role: 'editor' }),
      ),
    }),
    bad: [
      ...notJsonOf(262_144),
      ['a role that is none', 400, json('{"username":"bob","password":"long enough","role":"root"}')],
      ['a name with a space', 400, json('{"username":"bob b","password":"long enough"}')],
      ['a name that is taken', 409, json('{"username":"ann","password":"long enough"}')],
    ],
  },
  patchUser: {
    good: () => ({ path: '/api/v1/users/changed', status: 200, options: json('{"role":"editor"}') }),
    bad: [...notJsonOf(262_144), ['nothing to change', 400, json('{}')]],
  },
  listAudit: { good: () => ({ path: '/api/v1/audit?limit=1', status: 200 }) },
  listQueues: { good: () => ({ path: '/api/v1/queues', status: 200 }) },
  ...inferenceRouteCases,
  ...irisRouteCases,
  ...taskRouteCases,
  health: { good: () => ({ path: '/healthz', status: 200 }) },
  readiness: { good: () => ({ path: '/readyz', status: 200 }) },
  metrics: { good: () => ({ path: '/metrics', status: 200 }) },
  openapi: { good: () => ({ path: '/api/openapi.json', status: 200 }) },
}
