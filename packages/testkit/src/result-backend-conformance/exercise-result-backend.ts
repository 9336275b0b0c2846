import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ResultBackend } from '@celeriac/tasks'
import { exerciseChords } from './chords.ts'
import { exerciseGroups } from './groups.ts'
import type { MakeResultService, ResultServiceUnderTest } from './result-fixture.ts'
import { exerciseExpiry, exerciseServiceLife } from './service-life.ts'
import { exerciseStates } from './states.ts'
import { exerciseWatching } from './watching.ts'

/**
 * The conformance suite of the ResultBackend port: declares its tests in the calling file, over one service.
 * `hasChords`: whether the backend is one that keeps groups and chords, or refuses them.
 */
export function exerciseResultBackend(
  name: string,
  { hasChords }: { readonly hasChords: boolean },
  makeService: MakeResultService,
): void {
  describe(`result backend ${name}`, () => {
    let current: ResultServiceUnderTest | null = null
    let backends: ResultBackend[] = []
    const service = (): ResultServiceUnderTest => {
      if (current === null) throw new Error('the service is not made yet')
      return current
    }
    const keep = (backend: ResultBackend): ResultBackend => {
      backends.push(backend)
      return backend
    }
    const use = (): Pick<ResultServiceUnderTest, 'connect' | 'create'> => ({
      connect: async (retention) => keep(await service().connect(retention)),
      create: () => keep(service().create()),
    })
    beforeAll(async () => {
      current = await makeService()
    })
    afterEach(async () => {
      await Promise.all(backends.map((backend) => backend.stop()))
      backends = []
    })
    afterAll(async () => {
      await current?.close()
    })

    describe('states', () => exerciseStates(use))
    describe('watching', () => exerciseWatching(use))
    describe('life', () => exerciseServiceLife(use))
    if (hasChords) {
      describe('groups', () => exerciseGroups(use))
      describe('chords', () => exerciseChords(use))
      describe('expiry', () => exerciseExpiry(use))
    }
    test('says whether it has chords', async () => {
      expect((await use().connect()).hasChords).toBe(hasChords)
    })
    if (hasChords) return
    test('refuses groups and chords with an error that names what has them', async () => {
      const backend = await use().connect()
      const refused = {
        code: 'CONFIG_RESULT_BACKEND',
        details: { backend: backend.name, use: expect.any(String) as string },
      }
      const part = { groupId: 'g', taskId: 't', groupIndex: 0, state: 'SUCCESS', result: 1 }
      const calls = [
        backend.saveGroup('g', [['g', null], []]),
        backend.findGroup('g'),
        backend.setChordSize('g', 1),
        backend.growChord('g', 1),
        backend.addChordPart(part),
        backend.endChord('g', 'published'),
      ]
      await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject(refused)))
    })
  })
}
