import type { Database, Statement } from '../../database.ts'

const find: Statement = {
  name: 'find_iris_dataset',
  text: `select dataset_id::float8 as id from iris_datasets where sha256 = $1`,
}

const keep: Statement = {
  name: 'keep_iris_dataset',
  text: `
    insert into iris_datasets (sha256, dataset_id) values ($1, $2::bigint)
    on conflict (sha256) do update set dataset_id = excluded.dataset_id`,
}

export async function findIrisDataset(database: Database, sha256: string): Promise<number | null> {
  const [row] = await database.call<{ id: number }>(find, [sha256])
  return row?.id ?? null
}

/** Of two that are kept at once the last one stays; both hold the same rows. */
export async function keepIrisDataset(
  database: Database,
  { sha256, datasetId }: { readonly sha256: string; readonly datasetId: number },
): Promise<void> {
  await database.call(keep, [sha256, datasetId])
}
