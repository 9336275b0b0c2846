import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startInterop, type BackendKind, type Interop } from './support/celeriac-worker.ts'
import { testWhere } from './support/test-where.ts'

const slow = { timeout: 30_000 }

describe.each<BackendKind>(['redis', 'rpc'])(
  'a Celery client composes tasks of our worker, with %s://',
  (kind) => {
    const hasChords = kind === 'redis'
    let interop: Interop
    const run = <Value>(code: string): Promise<Value> => interop.python.run<Value>(code)

    beforeAll(async () => {
      interop = await startInterop({ kind })
    })
    afterAll(() => interop?.close())

    test('a chain gives what its last step gives, and knows its steps', async () => {
      await run('chained = chain(add.s(1, 1), add.s(10), add.s(100)).delay()')
      expect(await run('[get(chained), get(chained.parent), get(chained.parent.parent)]')).toEqual([
        112, 12, 2,
      ])
      expect(await run('get((add.s(1, 1) | add.si(5, 5) | add.s(1)).delay())')).toBe(11)
    })

    test('a chain ends at the step that fails, for all that follow', async () => {
      await run('chained = chain(add.s(1, 1), s("fail"), add.s(1), add.s(1)).delay()')
      // The argument of `fail` is a number here: what it takes is told by the worker's schema.
      await expect(run('get(chained)')).rejects.toMatchObject({ name: 'ValidationError' })
      expect(
        await run('[get(chained.parent.parent.parent), repr(get(chained.parent.parent, propagate=False))]'),
      ).toEqual([2, expect.stringContaining('ValidationError')])
    })

    test('a group gives the results of its members in order', async () => {
      expect(await run('get(group(add.s(i, i) for i in range(20)).delay())')).toEqual(
        Array.from({ length: 20 }, (_, index) => index * 2),
      )
      expect(await run('get(chain(add.s(1, 1), group(add.s(1), add.s(2))).delay())')).toEqual([3, 4])
      await run('mixed = group(add.s(1, 1), fail.s("bad")).delay()')
      await expect(run('get(mixed)')).rejects.toMatchObject({ name: 'ValueError' })
      expect(await run('[get(mixed[0]), mixed.failed(), mixed.completed_count()]')).toEqual([2, true, 1])
    })

    test('map, starmap and chunks call the task for each of their arguments', async () => {
      expect(await run('get(total.map([[1, 2], [3]]).delay())')).toEqual([3, 3])
      expect(await run('get(add.starmap([(1, 2), (3, 4)]).delay())')).toEqual([3, 7])
      expect(await run('get(add.chunks(zip(range(5), range(5)), 2).delay())')).toEqual([[0, 2], [4, 6], [8]])
      expect(await run('get(chain(add.chunks([(1, 1), (2, 2)], 1).group(), ).delay())')).toEqual([[2], [4]])
    })

    test('a link is called with the result, of a task and of a chain', async () => {
      const [task, chained] = [`link-${kind}`, `chain-link-${kind}`]
      await run(`get(add.apply_async((20, 22), link=store.s(key="${task}")))`)
      await run(`get(chain(add.s(1, 1), add.s(1)).apply_async(link=store.s(key="${chained}")))`)
      await expect.poll(() => interop.effects(task), slow).toEqual([42])
      await expect.poll(() => interop.effects(chained), slow).toEqual([3])
    })

    test('an error link is called with the id of the task that failed, or where it failed with the error', async () => {
      const [old, inline, chained] = [`old-${kind}`, `inline-${kind}`, `chain-error-${kind}`]
      await run(
        `failed = fail.apply_async(("bad",), link_error=store.s(key="${old}")); get(failed, propagate=False); None`,
      )
      await expect.poll(() => interop.effects(old), slow).toEqual([await run('failed.id')])
      await run(
        `mourned = fail.apply_async(("bad",), link_error=s("mourn", "${inline}")); get(mourned, propagate=False); None`,
      )
      await run(
        `get((fail.s("bad") | add.s(1)).on_error(store.s(key="${chained}")).delay(), propagate=False); None`,
      )
      await expect
        .poll(() => interop.effects(inline), slow)
        .toEqual([
          [
            expect.objectContaining({ id: await run('mourned.id'), task: 'tasks.fail' }),
            { exc_type: 'ValueError', exc_message: ['bad', 42], exc_module: 'builtins' },
            'string',
          ],
        ])
      await expect.poll(() => interop.effects(chained), slow).toHaveLength(1)
    })

    test('children that a task calls are known to the client', async () => {
      await run('parent = children.delay(); get(parent)')
      expect(await run('len(parent.children)')).toBe(2)
      if (hasChords) expect(await run('sorted(get(child) for child in parent.children)')).toEqual([2, 4])
    })

    test('a task that is replaced gives what its replacement gives', async () => {
      expect(await run('get(send("replaced", 1, 2))')).toBe(103)
      expect(await run('get(chain(s("replaced", 1, 2), add.s(1000)).delay())')).toBe(1103)
    })

    testWhere(hasChords)(
      'the body of a chord is called with the results of its header, in order',
      async () => {
        expect(await run('get(chord((add.s(i, i) for i in range(30)), total.s()).delay())')).toBe(870)
        expect(await run('get(chord([add.s(1, 1), add.s(2, 2)], echo.s()).delay())')).toEqual([[2, 4]])
        expect(await run('get(chain(add.s(1, 1), group(add.s(1), add.s(2)), total.s()).delay())')).toBe(7)
        expect(await run('get((group(add.s(1, 1), add.s(2, 2)) | total.s() | add.s(1)).delay())')).toBe(7)
      },
    )

    testWhere(hasChords)('canvases nest: chords in chords, groups in chains in groups', async () => {
      expect(
        await run(
          'inner = lambda n: chord([add.s(n, 1), chain(add.s(n, 1), add.s(1))], total.s()); get(chord([inner(1), inner(2), add.s(5, 5)], total.s()).delay())',
        ),
      ).toBe(22)
      expect(
        await run(
          'get(chain(add.s(0, 1), group(add.s(1), chain(add.s(1), group(add.s(1), add.s(2)), total.s())), total.s(), add.s(100)).delay())',
        ),
      ).toBe(109)
      expect(
        await run('get(group(group(add.s(1, 1), add.s(2, 2)), chain(add.s(1, 1), add.s(1))).delay())'),
      ).toEqual([2, 4, 3])
    })

    testWhere(hasChords)(
      'a chord whose header fails ends with ChordError, and its errback is called',
      async () => {
        await run(
          'broken = chord([add.s(1, 1), fail.s("bad")], total.s().on_error(store.s(key="chord-error"))).delay()',
        )
        await expect(run('get(result(broken.id))')).rejects.toMatchObject({
          name: 'ChordError',
          module: 'celery.exceptions',
        })
        await expect.poll(() => interop.effects('chord-error'), slow).toEqual([await run('broken.id')])
      },
    )

    testWhere(hasChords)('a group that is saved is found again, and its results with it', async () => {
      await run('saved = group(add.s(1, 1), add.s(2, 2)).delay(); saved.save(); None')
      expect(await run('get(GroupResult.restore(saved.id, app=app))')).toEqual([2, 4])
      expect(await run('get(app.GroupResult.restore(get(send("saved_group"))))')).toEqual([2, 4])
    })

    testWhere(hasChords)('stamps of a canvas are known to each of its tasks', async () => {
      await run('stamped = group(s("request"), s("request")); stamped.stamp(customer="a"); None')
      expect(await run('[request["stamps"]["customer"] for request in get(stamped.delay())]')).toEqual([
        'a',
        'a',
      ])
    })
  },
)
