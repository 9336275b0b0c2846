import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { tmpdir } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { watchDisk } from '../src/disk.ts'

async function watched(minFreeDiskMib: number) {
  const said: string[] = []
  const worker = { pauseOperators: () => said.push('pause'), resumeOperators: () => said.push('resume') }
  const disk = watchDisk({ artifactUrl: null, dataDir: tmpdir(), minFreeDiskMib }, worker, {
    clock: new FakeClock(),
    logger: silentLogger(),
  })
  onTestFinished(() => disk.stop())
  await disk.start()
  return { said, disk }
}

test('a worker takes no operators from its start while less than the minimum is free', async () => {
  const { said, disk } = await watched(1_000_000_000)
  expect(said).toEqual(['pause'])
  expect(disk.state).toMatchObject({ isFull: true, minFreeBytes: 1_048_576_000_000_000 })
})

test('a worker with space enough is left alone, and so is one that is told not to look', async () => {
  for (const minFreeDiskMib of [1, 0]) expect((await watched(minFreeDiskMib)).said).toEqual([])
})
