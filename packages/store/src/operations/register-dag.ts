import { randomUUID } from 'node:crypto'
import { and, eq, sql } from 'drizzle-orm'
import { AppError, type DagVersionRecord, type NewDag } from '@celeriac/core'
import type { Database, Queryable } from '../database.ts'
import { epochMs } from '../schema/columns.ts'
import { dagVersions, dags } from '../schema/index.ts'
import { rowsOf } from '../sql-rows.ts'
import { storable } from '../storable-json.ts'
import { dagVersionColumns } from './find-dag-version.ts'
import { setDocumentSchedule } from './schedules/document-schedule.ts'

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
    if (dag.isMade === true) await refuseSettings(db, dag.name)
    const version = await insertVersion(db, dag)
    if (dag.schedule !== undefined) await setDocumentSchedule(db, version, dag.schedule)
    return { version, isNew: true }
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

async function refuseSettings(db: Queryable, name: string): Promise<void> {
  const [found] = await rowsOf(
    db,
    sql`select 1 from dags d where d.name = ${name}
      and (d.max_active_runs is not null or (select 1 from schedules s where s.owner_dag_id = d.id) is not null)`,
  )
  if (found !== undefined)
    throw new AppError(
      'CONFLICT_DAG_SETTINGS',
      'the DAG of this name has a schedule or a limit of runs, which would be lost; take another name',
      { details: { dag: name } },
    )
}

async function insertVersion(db: Queryable, dag: NewDag): Promise<DagVersionRecord> {
  const [raised] = await db
    .update(dags)
    .set({
      latestVersion: sql`${dags.latestVersion} + 1`,
      latestAt: sql`now()`,
      maxActiveRuns: dag.maxActiveRuns ?? null,
    })
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
