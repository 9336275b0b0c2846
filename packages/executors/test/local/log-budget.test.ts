import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { defaultLogLimits, LogBudget } from '../../src/local/log-budget.ts'

const line = (text: string, omitted = 0) => ({ bytes: Buffer.from(text), omitted })
function setup(limits: Partial<typeof defaultLogLimits> = {}) {
  const clock = new FakeClock()
  const budget = new LogBudget({ ...defaultLogLimits, ...limits }, clock)
  const admit = (text: string) =>
    budget.admit(line(text), 'stdout').map((kept) => `${kept.stream}: ${kept.text}`)
  return { clock, budget, admit }
}

test('lines within the limits are kept with the time at which they came', () => {
  const { clock, budget } = setup()
  expect(budget.admit(line('hello'), 'stderr')).toEqual([
    { at: clock.now(), stream: 'stderr', text: 'hello' },
  ])
  expect(budget.close()).toEqual([])
})

test('output beyond the size limit is left out, said once at once and counted at the end', () => {
  const { budget, admit } = setup({ attemptBytes: 10 })
  expect(admit('12345678')).toEqual(['stdout: 12345678'])
  expect(admit('90ab')).toEqual(['system: log truncated: the attempt wrote more than 10 bytes'])
  expect(admit('c')).toEqual([])
  expect(budget.close().map(({ text }) => text)).toEqual([
    'log truncated: 2 lines left out, over the size limit',
  ])
})

test('lines beyond the rate are left out, and counted when lines are kept again', () => {
  const { clock, admit } = setup({ burstLines: 2, linesPerSecond: 10 })
  expect([admit('1'), admit('2'), admit('3'), admit('4')].flat()).toEqual(['stdout: 1', 'stdout: 2'])
  clock.advance(100)
  expect(admit('5')).toEqual([
    'system: log truncated: 2 lines left out, over the rate (10 lines per second) limit',
    'stdout: 5',
  ])
})

test('of a line that a progress bar redraws the last state is kept', () => {
  expect(setup().admit('10 %\r50 %\r100 %')).toEqual(['stdout: 100 %'])
})

test('a line that was cut says so', () => {
  const { budget } = setup()
  expect(budget.admit(line('start', 7), 'stdout')[0]?.text).toBe('start … [7 bytes left out]')
})
