import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPgliteStore, migrate, migrationStatus } from '@celeriac/store'
import { copyEmbeddedDatabase } from '@celeriac/testkit'
import { lockDataDir } from '../src/data-dir-lock.ts'
import { PgliteDatabase } from '../src/pglite-database.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-pglite-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('data survives a restart, and a stopped store leaves no lock', async () => {
  const dataDir = join(folder, 'deep', 'er', 'database')
  const first = createPgliteStore({ dataDir })
  await first.start()
  const { epoch } = await first.claimPartition({ partition: 0, owner: 'a' })
  await first.stop()
  expect(await readdir(join(folder, 'deep', 'er'))).toEqual(['database'])
  const second = createPgliteStore({ dataDir })
  await second.start()
  expect(await second.claimPartition({ partition: 0, owner: 'b' })).toEqual({ epoch: epoch + 1 })
  await second.stop()
})

test('a data directory in use is refused to a second store; a stale lock is not', async () => {
  const dataDir = join(folder, 'database')
  // A process id that lives, but with another start time: what a crash and a reboot leave behind.
  await writeFile(`${dataDir}.lock`, `${process.pid} 1`)
  await copyEmbeddedDatabase(dataDir)
  const store = createPgliteStore({ dataDir })
  await store.start()
  await expect(createPgliteStore({ dataDir }).start()).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    details: { dataDir, pid: process.pid },
  })
  await expect(migrate({ dataDir })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await expect(store.ping()).resolves.toBeUndefined()
  await store.stop()
})

test('an embedded database can be migrated beforehand, and tells its status', async () => {
  const dataDir = join(folder, 'database')
  expect(await migrate({ dataDir })).not.toEqual([])
  expect(await migrationStatus({ dataDir })).toMatchObject({ state: 'current' })
})

test('an embedded database of a newer version is refused', async () => {
  const dataDir = join(folder, 'database')
  await copyEmbeddedDatabase(dataDir)
  const database = new PgliteDatabase(dataDir)
  await database.open()
  await database.script((run) => run("insert into schema_migrations values ('9999_future', now())"))
  await database.close()
  await expect(createPgliteStore({ dataDir }).start()).rejects.toMatchObject({ code: 'STORE_SCHEMA_NEWER' })
})

test('of several who want one data directory at once, stale lock or not, exactly one gets it', async () => {
  const dataDir = join(folder, 'database')
  for (const stale of [null, '999999999 1', 'garbage', '']) {
    if (stale !== null) await writeFile(`${dataDir}.lock`, stale)
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => lockDataDir(dataDir)))
    const won = all.filter((outcome) => outcome.status === 'fulfilled')
    expect(won).toHaveLength(1)
    await won[0]?.value.release()
    expect(await readdir(folder)).toEqual([])
  }
})
