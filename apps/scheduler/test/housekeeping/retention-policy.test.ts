import { loadConfig } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { limitsAt, retentionPolicyOf, retentionSettings } from '../../src/housekeeping/retention-policy.ts'

const dayMs = 86_400_000
const policyOf = (env: Record<string, string>, file = {}) =>
  retentionPolicyOf(loadConfig(retentionSettings, { env, file }).config)

test('without settings runs and artifacts are kept for 90 days, logs for 30, the audit log for 400, model versions for ever', () => {
  expect(policyOf({})).toEqual({
    runsMs: 90 * dayMs,
    logsMs: 30 * dayMs,
    artifactsMs: 90 * dayMs,
    auditMs: 400 * dayMs,
    modelVersionsMs: null,
  })
  expect(policyOf({ CELERIAC_RETENTION_AUDIT: 'never' }).auditMs).toBeNull()
  expect(policyOf({ CELERIAC_RETENTION_MODEL_VERSIONS: '30d' }).modelVersionsMs).toBe(30 * dayMs)
})

test.each([
  ['never', null],
  ['0', null],
  ['0d', null],
  ['1h', 3_600_000],
  ['2d12h', 2.5 * dayMs],
  ['86400', dayMs],
])('%s is a time to keep runs', (text, ms) => {
  expect(policyOf({ CELERIAC_RETENTION_RUNS: text }).runsMs).toBe(ms)
})

test('a file may give seconds as a number', () => {
  expect(policyOf({}, { retention_logs: 7_200 }).logsMs).toBe(7_200_000)
})

test.each(['59m', '-1d', 'forever', '1 week', '1'])('%s is refused', (text) => {
  expect(() => policyOf({ CELERIAC_RETENTION_ARTIFACTS: text })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})

test('limits are so long before now; what is kept for ever has none', () => {
  const now = Date.UTC(2026, 0, 31)
  const policy = {
    runsMs: 30 * dayMs,
    logsMs: null,
    artifactsMs: dayMs,
    auditMs: 2 * dayMs,
    modelVersionsMs: 3 * dayMs,
  }
  expect(limitsAt(policy, now)).toEqual({
    runs: Date.UTC(2026, 0, 1),
    logs: null,
    artifacts: Date.UTC(2026, 0, 30),
    audit: Date.UTC(2026, 0, 29),
    modelVersions: Date.UTC(2026, 0, 28),
  })
})
