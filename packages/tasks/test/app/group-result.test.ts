import { expect, test } from 'vitest'
import { z } from 'zod'
import { group, GroupResult } from '../../src/index.ts'
import { memoryApp } from './memory-app.ts'

async function aGroup(size = 3) {
  const memory = await memoryApp()
  const one = memory.app.task('tasks.one', z.tuple([z.number()]), ([x]) => x)
  const result = await memory.app.apply(group(...Array.from({ length: size }, (_, index) => one.si(index))))
  if (!(result instanceof GroupResult)) throw new Error('a group gives a GroupResult')
  return { ...memory, result, ids: result.taskIds }
}

test('get gives the values in the order of the members, however they end', async () => {
  const { result, ids, store } = await aGroup()
  const values = result.get()
  for (const index of [2, 0, 1]) await store(ids[index]!, { result: index * 10 })
  expect(await values).toEqual([0, 10, 20])
})

test('get throws the first failure at once, though others have not ended', async () => {
  const { result, ids, store } = await aGroup()
  const values = expect(result.get()).rejects.toMatchObject({ name: 'ValueError' })
  const failure = { exc_type: 'ValueError', exc_message: ['bad'], exc_module: 'builtins' }
  await store(ids[1]!, { status: 'FAILURE', result: failure })
  await values
})

test('members are told as they complete, failures among them', async () => {
  const { result, ids, store } = await aGroup(2)
  const failure = { exc_type: 'ValueError', exc_message: ['bad'], exc_module: 'builtins' }
  await store(ids[1]!, { status: 'FAILURE', result: failure })
  const completed: unknown[] = []
  for await (const each of result.asCompleted()) {
    completed.push(each)
    await store(ids[0]!, { result: 1 })
  }
  expect(completed).toEqual([
    [ids[1], expect.objectContaining({ name: 'ValueError' })],
    [ids[0], 1],
  ])
})

test('its state is that of its members', async () => {
  const { result, ids, store } = await aGroup(2)
  const state = async () => [
    await result.completedCount(),
    await result.ready(),
    await result.successful(),
    await result.failed(),
  ]
  expect(await state()).toEqual([0, false, false, false])
  await store(ids[0]!)
  expect(await state()).toEqual([1, false, false, false])
  await store(ids[1]!)
  expect(await state()).toEqual([2, true, true, false])
  const failure = { exc_type: 'ValueError', exc_message: [], exc_module: 'builtins' }
  const other = await aGroup(1)
  await other.store(other.ids[0]!, { status: 'FAILURE', result: failure })
  expect([await other.result.ready(), await other.result.failed()]).toEqual([true, true])
})

test('a saved group is restored by its id until it is deleted', async () => {
  const { app, result, ids, store } = await aGroup(2)
  expect(await app.restoreGroup(result.id)).toBeNull()
  await result.save()
  for (const id of ids) await store(id, { result: id })
  const restored = await app.restoreGroup(result.id)
  expect(restored?.taskIds).toEqual(ids)
  expect(await restored?.get()).toEqual(ids)
  await restored?.delete()
  expect(await app.restoreGroup(result.id)).toBeNull()
})

test('forget deletes the results of all members', async () => {
  const { app, result, ids, store } = await aGroup(2)
  for (const id of ids) await store(id)
  await result.forget()
  for (const id of ids) expect(await app.result(id).meta()).toBeNull()
})

test('nested groups give nested values', async () => {
  const { app, store } = await memoryApp()
  const result = app.resultFrom([
    ['g', null],
    [
      [['a', null], null],
      [
        ['h', null],
        [
          [['b', null], null],
          [['c', null], null],
        ],
      ],
    ],
  ])
  for (const id of ['a', 'b', 'c']) await store(id, { result: id })
  expect(await result.get()).toEqual(['a', ['b', 'c']])
})
