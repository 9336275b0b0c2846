import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { adminToken } from '../src/admin-token.ts'

test('twenty schedulers that start at once agree on one token, which only its owner can read', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'celeriac-token-'))
  try {
    const tokens = await Promise.all(
      Array.from({ length: 20 }, () => adminToken({ apiToken: null, dataDir })),
    )
    expect(new Set(tokens.map(({ token }) => token)).size).toBe(1)
    expect(tokens.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect((await stat(join(dataDir, 'token'))).mode & 0o777).toBe(0o600)
    expect(await readdir(dataDir)).toEqual(['token'])
  } finally {
    await rm(dataDir, { recursive: true })
  }
})

test('a configured token is used as it is and written nowhere', async () => {
  expect(await adminToken({ apiToken: 'mine', dataDir: '/nonexistent' })).toEqual({
    token: 'mine',
    file: null,
    isNew: false,
  })
})
