import { expect, test } from 'vitest'
import { pythonRepr } from '../../src/message/python-repr.ts'
import { decodeJson } from '../../src/serialization/json.ts'

test.each<[unknown, string]>([
  [[2, 2], '(2, 2)'],
  [[1], '(1,)'],
  [[], '()'],
  [[null, true, 1.5, "it's"], "(None, True, 1.5, 'it\\'s')"],
  [[{ a: [1, { b: [2] }] }], "({'a': [1, {...}]},)"],
  [[1e-7, 1e21, 123456789012345680000, 0.0001], '(1e-07, 1e+21, 123456789012345683968, 0.0001)'],
])('%j is shown as %s', (args, text) => {
  expect(pythonRepr(args as never, { isTuple: true })).toBe(text)
})

test('times, decimals and bytes are shown as Python shows them', () => {
  const tag = (type: string, value: unknown) => ({ __type__: type, __value__: value })
  const values = decodeJson(
    JSON.stringify([
      tag('datetime', '2026-11-21T13:37:00.000005+02:00'),
      tag('datetime', '2026-11-21T13:37:09'),
      tag('date', '2026-11-01'),
      tag('time', '13:37:00'),
      tag('decimal', '1.50'),
      tag('bytes', 'abc'),
      tag('base64', '/wAB'),
    ]),
  )
  expect(pythonRepr(values)).toBe(
    '[datetime.datetime(2026, 11, 21, 13, 37, 0, 5, tzinfo=datetime.timezone(datetime.timedelta(seconds=7200))), ' +
      "datetime.datetime(2026, 11, 21, 13, 37, 9), datetime.date(2026, 11, 1), datetime.time(13, 37), Decimal('1.50'), " +
      "b'abc', b'ff0001']",
  )
})

test('what is too long is cut, and every bracket is closed', () => {
  expect(
    pythonRepr(
      Array.from({ length: 1_000 }, (_, index) => index),
      { maxLength: 20 },
    ),
  ).toBe('[0, 1, 2, 3, 4, 5, 6..., ...]')
  expect(pythonRepr({ text: 'x'.repeat(5_000), more: 1 }, { maxLength: 20 }).length).toBeLessThan(40)
  expect(pythonRepr(['a'.repeat(2_000)]).length).toBeLessThan(1_050)
})
