import { randomUUID } from 'node:crypto'
import { and, eq, sql } from 'drizzle-orm'
import type { DagVersionRecord, NewDag } from '@celeriac/core'
import type { Database, Queryable } from '../database.ts'
import { epochMs } from '../schema/columns.ts'
import { dagVersions, dags } from '../schema/index.ts'
import { storable } from '../storable-json.ts'
import { dagVersionColumns } from './find-dag-version.ts'

export interface RegisteredDag {
  readonly version: DagVersionRecord
  readonly isNew: boolean
}

/** Registers a DAG version, unless its content is known under this name. */
export async function registerDag(database: Database, dag: NewDag): Promise<RegisteredDag> {
  // Most registrations repeat a known document: those take no lock.
  const known = await database.query((db) => findContent(db, dag))
  if (known !== null) return { version: known, isNew: false }
  return database.transaction(async (db) => {
    await db
      .insert(dags)
      .values({ id: randomUUID(), name: dag.name, latestVersion: 0, latestAt: sql`now()` })
      .onConflictDoNothing({ target: dags.name })
    // The lock on the DAG makes its registrations follow one another: version numbers have no gaps, and of two
    // registrations of the same content the second finds the first.
    await db.select({ id: dags.id }).from(dags).where(eq(dags.name, dag.name)).for('update')
    const first = await findContent(db, dag)
    if (first !== null) return { version: first, isNew: false }
    return { version: await insertVersion(db, dag), isNew: true }
  })
}

async function findContent(db: Queryable, dag: NewDag): Promise<DagVersionRecord | null> {
  const [found] = await db
    .select(dagVersionColumns)
    .from(dags)
    .innerJoin(dagVersions, eq(dagVersions.dagId, dags.id))
    .where(and(eq(dags.name, dag.name), eq(dagVersions.contentHash, dag.contentHash)))
  return found ?? null
}

async function insertVersion(db: Queryable, dag: NewDag): Promise<DagVersionRecord> {
  const [raised] = await db
    .update(dags)
    .set({ latestVersion: sql`${dags.latestVersion} + 1`, latestAt: sql`now()` })
    .where(eq(dags.name, dag.name))
    .returning({ dagId: dags.id, version: dags.latestVersion })
  if (raised === undefined) throw new Error('a locked DAG is gone')
  // What was sent is what is stored: reading a DAG of 5,000 operators back takes another 0.1 s.
  const content = {
    source: dag.source,
    document: storable(dag.document),
    plan: storable(dag.plan),
    contentHash: dag.contentHash,
  }
  const [inserted] = await db
    .insert(dagVersions)
    .values({ ...raised, ...content, operatorCount: dag.plan.operators.length, createdAt: sql`now()` })
    .returning({ createdAt: epochMs(dagVersions.createdAt) })
  if (inserted === undefined) throw new Error('an insert returned nothing')
  return { ...raised, name: dag.name, ...content, ...inserted }
}
