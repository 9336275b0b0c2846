import { expect, test } from 'vitest'
import { applyRename, parseRename } from '../../src/datasets/rename.ts'

test('the last colon divides old from new', () => {
  expect(parseRename(['a:b:c', 'default.payment.next.month:next_month']).names).toEqual({
    'a:b': 'c',
    'default.payment.next.month': 'next_month',
  })
})

test('an object gives names that hold a colon', () => {
  expect(parseRename(['{"a":"b:c","__proto__":"d"}']).names).toEqual(
    JSON.parse('{"a":"b:c","__proto__":"d"}'),
  )
})

test.each(['', 'a', ':b', 'a:', 'a: ', '{', '{"a":1}', '{"a":" "}'])('refuses %j', (text) => {
  expect(() => parseRename([text])).toThrow(expect.objectContaining({ code: 'VALIDATION_BODY_INVALID' }))
})

test('names of the prototype are ordinary columns', () => {
  expect(applyRename(['constructor', 'toString'], parseRename(['a:b']))).toEqual(['constructor', 'toString'])
})
