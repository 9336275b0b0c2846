import { isAbsolute, resolve } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { lockDataDir, type DataDirLock } from './data-dir-lock.ts'
import type { Database, Queryable, RunScript, Statement } from './database.ts'

/** Data in the memory of this process, gone with it. */
export const memoryDataDir = 'memory://'

/**
 * PostgreSQL inside this process (PGlite): one connection, so calls follow one another. A commit survives the end of the
 * process, but not necessarily of the machine: PGlite does not fsync.
 */
export class PgliteDatabase implements Database {
  readonly #dataDir: string
  #lock: DataDirLock | null = null
  #client: PGlite | null = null
  #builder: Queryable | null = null

  /** @param dataDir a folder, made when it does not exist, or {@link memoryDataDir} */
  constructor(dataDir: string) {
    this.#dataDir = dataDir === memoryDataDir || isAbsolute(dataDir) ? dataDir : resolve(dataDir)
  }

  async open(): Promise<void> {
    if (this.#client !== null) return
    if (this.#dataDir !== memoryDataDir) {
      this.#lock = await lockDataDir(this.#dataDir)
      await mkdir(this.#dataDir, { recursive: true })
    }
    try {
      this.#client = await PGlite.create(this.#dataDir)
    } catch (error) {
      await this.#unlock()
      throw error
    }
    this.#builder = drizzle(this.#client)
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = null
    this.#builder = null
    await client?.close()
    await this.#unlock()
  }

  async call<Row>(statement: Statement, params: readonly unknown[] = []): Promise<readonly Row[]> {
    const result = await this.#opened().query<Row>(statement.text, [...params])
    return result.rows
  }

  ask<Row>(statement: Statement): Promise<readonly Row[]> {
    return this.call(statement)
  }

  async query<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    if (this.#builder === null) throw new Error('the store is not started')
    return work(this.#builder)
  }

  async transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    if (this.#builder === null) throw new Error('the store is not started')
    return this.#builder.transaction((db) => work(db))
  }

  async script<T>(work: (run: RunScript) => Promise<T>): Promise<T> {
    return this.#opened().transaction((transaction) =>
      work(async <Row>(text: string, params: readonly unknown[] = []) => {
        if (params.length > 0) return (await transaction.query<Row>(text, [...params])).rows
        const results = await transaction.exec(text)
        return (results.length === 1 ? (results[0]?.rows ?? []) : []) as unknown as readonly Row[]
      }),
    )
  }

  #opened(): PGlite {
    if (this.#client === null) throw new Error('the store is not started')
    return this.#client
  }

  async #unlock(): Promise<void> {
    const lock = this.#lock
    this.#lock = null
    await lock?.release()
  }
}
