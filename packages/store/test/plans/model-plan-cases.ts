import type { ModelRegistry, Store } from '@celeriac/core'
import { encodeCursor } from '../../src/cursor.ts'

type RunSql = (text: string) => Promise<unknown>

/** Beside 10,000 versions: an alias of each, traffic of every model but one, and 100,000 changes, half of them of one model. */
export async function fillModels(sql: RunSql): Promise<void> {
  await sql(`
    insert into model_aliases (name, alias, version)
    select name, case version when 3 then 'champion' else 'alias-' || version end, version from model_versions
    where name <> 'model-5'`)
  await sql(`
    insert into model_traffic (name, role, version, percent)
    select name, role, 2, 10 from models, unnest('{canary,shadow}'::text[]) role where name <> 'model-5'`)
  await sql(`
    insert into model_changes (name, revision, kind, version, alias, previous_version, at)
    select 'model-' || case when n % 2 = 0 then 10 else 1 + n % 1000 end, n, 'promoted', 1,
      case when n % 4 = 0 then 'champion' when n % 4 = 1 then 'blue' end, 2, now()
    from generate_series(1, 100000) n`)
  await sql(`update models set revision = 100000`)
  // One version of each model lies archived, which nothing names.
  await sql(`delete from model_aliases where version = 9`)
  await sql(`update model_versions set archived_at = now() - id * interval '1 second' where version = 9`)
  await sql('vacuum analyze models')
  await sql('vacuum analyze model_versions')
  await sql('analyze model_aliases, model_traffic, model_changes')
}

interface Case {
  readonly what: string
  readonly run: (store: Store) => Promise<unknown>
  readonly index?: string
  readonly sorts?: string
  readonly pages?: number
}

const name = 'model-10'
const actor = 'Ada'
/** `md5('run10')` */
const run10 = '0589e703-8b0c-83e7-40b3-ca3b5a5d00e2'
const aliases = 'the aliases of a version'
/** For each version the aliases of its model are looked through: ten pages here, one as a rule. */
const pages = 700

/** Every operation on models. */
export const modelCases: Record<keyof ModelRegistry, string | readonly Case[]> = {
  listModelVersions: [
    {
      what: 'the first page',
      run: (store) => store.listModelVersions({ limit: 50 }),
      index: 'model_versions_pkey',
      sorts: aliases,
      pages,
    },
    {
      what: 'a later page',
      run: (store) => store.listModelVersions({ limit: 50, cursor: encodeCursor('models', [5_000]) }),
      index: 'model_versions_pkey',
      sorts: aliases,
      pages,
    },
    {
      what: 'the first page of a model',
      run: (store) => store.listModelVersions({ limit: 3, name: 'model-5' }),
      index: 'model_versions_list_by_name',
      sorts: aliases,
    },
    {
      what: 'a later page of a model',
      run: (store) =>
        store.listModelVersions({ limit: 3, name: 'model-5', cursor: encodeCursor('models', [5_000]) }),
      index: 'model_versions_list_by_name',
      sorts: aliases,
    },
    {
      what: 'those of a run',
      run: (store) => store.listModelVersions({ limit: 50, runId: run10 }),
      index: 'model_versions_attempt_key',
      sorts: aliases,
    },
  ],
  findModelVersion: [
    { what: 'the newest', run: (store) => store.findModelVersion({ name }), sorts: aliases },
    { what: 'by number', run: (store) => store.findModelVersion({ name, version: 3 }), sorts: aliases },
    {
      what: 'by alias',
      run: (store) => store.findModelVersion({ name, alias: 'champion' }),
      sorts: aliases,
    },
  ],
  findModel: [{ what: 'one', run: (store) => store.findModel(name), sorts: aliases }],
  findModelRoute: [
    { what: 'with a champion', run: (store) => store.findModelRoute(name), sorts: aliases },
    {
      what: 'without a champion',
      run: (store) => store.findModelRoute('model-5'),
      sorts: aliases,
    },
  ],
  listModelRevisions: [
    { what: 'three', run: (store) => store.listModelRevisions([name, 'model-5', 'model-7']) },
  ],
  listModelChanges: [
    {
      what: 'the first page',
      run: (store) => store.listModelChanges({ name, limit: 50 }),
      index: 'model_changes_pkey',
    },
    {
      what: 'a later page',
      run: (store) =>
        store.listModelChanges({ name, limit: 50, cursor: encodeCursor('model_changes', [50_000]) }),
      index: 'model_changes_pkey',
    },
  ],
  setModelAlias: [
    {
      what: 'a new champion',
      run: (store) => store.setModelAlias({ name, alias: 'champion', version: 2, actor, kind: 'promoted' }),
      sorts: aliases,
    },
  ],
  removeModelAlias: [
    {
      what: 'one',
      run: (store) => store.removeModelAlias({ name, alias: 'champion', actor }),
      sorts: aliases,
    },
  ],
  rollbackModel: [
    {
      what: 'of a model with a long history',
      run: (store) => store.rollbackModel({ name, actor }),
      sorts: aliases,
    },
  ],
  setModelTraffic: [
    {
      what: 'both',
      run: (store) =>
        store.setModelTraffic({
          name,
          canary: { version: 4, percent: 1 },
          shadow: { version: 5, percent: 1 },
          actor,
        }),
      sorts: aliases,
    },
  ],
  archiveModelVersion: [
    {
      what: 'one',
      run: (store) => store.archiveModelVersion({ name: 'model-5', version: 7, isArchived: true, actor }),
      sorts: aliases,
    },
  ],
  deleteModelVersion: [
    {
      what: 'an archived one, of a model with a long history',
      run: (store) => store.deleteModelVersion({ name, version: 9, actor }),
      sorts: 'the aliases of a version; the DAG versions of open runs, and those of them that are named',
      // 5,400 open runs of 3,000 DAG versions, each of which is looked through once.
      pages: 15_000,
    },
  ],
  listArchivedModelVersions: [
    {
      what: 'the first page',
      run: (store) => store.listArchivedModelVersions({ archivedBefore: Date.now(), after: null, limit: 20 }),
      index: 'model_versions_archived',
    },
    {
      what: 'a later page',
      run: (store) =>
        store.listArchivedModelVersions({
          archivedBefore: Date.now(),
          after: { archivedAt: Date.now() - 3_600_000, id: 10 },
          limit: 20,
        }),
      index: 'model_versions_archived',
    },
  ],
}
