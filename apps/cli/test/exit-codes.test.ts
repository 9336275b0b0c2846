import { errorCodes, type ErrorCode } from '@celeriac/core'
import { expect, test } from 'vitest'
import { exitCodes, exitReasonOf } from '../src/exit-codes.ts'
import { runCli } from './cli-harness.ts'

test('every error code has an exit code, and only internal ones count as defects', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[])
    expect([code, exitReasonOf(code) === 'internal']).toEqual([code, code.startsWith('INTERNAL_')])
})

test('exit codes are unique, and all of them are in the help', async () => {
  const codes = Object.values(exitCodes).map(({ code }) => code)
  expect(new Set(codes).size).toBe(codes.length)
  const { code, out } = await runCli('--help')
  expect(code).toBe(0)
  for (const { code: number, meaning } of Object.values(exitCodes))
    expect(out).toMatch(
      new RegExp(`^ +${number}  ${meaning.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`, 'm'),
    )
})

test.each([
  [['nonsense']],
  [[]],
  [['run']],
  [['runs', '--limit', 'many']],
  [['runs', '--state', 'sleeping']],
  [['status', 'a', 'b']],
  [['predict', 'm']],
  [['datasets', 'generate', 'nonsense']],
])('the command line %j is not valid', async (args) => {
  expect((await runCli(...args)).code).toBe(2)
})
