import { expect, test } from 'vitest'
import { ResidentModels } from '../../../src/predict/serving/resident-models.ts'

function setup(maxBytes: number, maxCount = 100) {
  const models = new ResidentModels<string>({ maxBytes, maxCount })
  for (const name of ['a', 'b', 'c']) models.add(name, name.toUpperCase(), 10)
  return models
}
const nothing = (): boolean => false

test('the least recently used goes first, and no more than has to', () => {
  const models = setup(20)
  expect(models.use('a')).toBe('A')
  expect(models.evict(nothing, null)).toEqual(['b'])
  expect([models.uris, models.bytes]).toEqual([['c', 'a'], 20])
})

test('what is held goes after everything else', () => {
  expect(setup(20).evict((uri) => uri === 'a', null)).toEqual(['b'])
  expect(setup(10).evict((uri) => uri !== 'c', null)).toEqual(['a', 'b'])
})

test('the newest stays even where it alone is too large', () => {
  expect(setup(5).evict(nothing, null)).toEqual(['a', 'b'])
})

test('room is made for one that comes; all may have to go for it', () => {
  expect(setup(30).evict(nothing, { bytes: 5 })).toEqual(['a'])
  expect(setup(30).evict(nothing, { bytes: 500 })).toEqual(['a', 'b', 'c'])
  expect(setup(30).evict(nothing, { bytes: 0 })).toEqual([])
})

test('models are counted, too', () => {
  const models = setup(1_000, 3)
  expect(models.hasRoomFor(1)).toBe(false)
  expect(models.evict(nothing, { bytes: 1 })).toEqual(['a'])
  expect(models.hasRoomFor(1)).toBe(true)
  expect(models.hasRoomFor(990)).toBe(false)
})

test('a model that is added again counts once', () => {
  const models = setup(100)
  models.add('a', 'new', 15)
  expect([models.count, models.bytes, models.use('a')]).toEqual([3, 35, 'new'])
  expect([models.remove('a'), models.remove('a'), models.bytes]).toEqual([true, false, 20])
})
