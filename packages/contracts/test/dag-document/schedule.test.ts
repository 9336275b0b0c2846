import { expect, test } from 'vitest'
import { findings, parse, parsed } from './documents.ts'

const dag = `dag:
  operator_list: [only]
  operator_rels: {}
  operator_details: {only: {algo_name: algo_local_pass_through}}
`

test('a document without a schedule has none', () => {
  expect(parsed(dag).schedule).toBeNull()
  expect(parsed(`schedule: ~\n${dag}`).schedule).toBeNull()
})

test('a text is a cron expression in UTC', () => {
  const { schedule, document, warnings } = parsed(`schedule: "0 6 * * *"\n${dag}`)
  expect(schedule).toEqual({
    spec: { cron: '0 6 * * *', timezone: 'UTC' },
    settings: {
      catch_up: 'last',
      catch_up_limit: 100,
      overlap: 'allow',
      overlap_limit_s: 3_600,
      end_at: null,
    },
  })
  expect(document).toMatchObject({ schedule: '0 6 * * *' })
  expect(warnings).toEqual([])
})

test.each([
  ['{cron: "@daily", timezone: Europe/Berlin, overlap: skip}', { cron: '@daily', timezone: 'Europe/Berlin' }],
  ['{every: 15m, overlap: skip}', { every: '15m' }],
  [
    '{solar: {event: sunset, latitude: 52.5, longitude: 13.4}, overlap: skip}',
    { solar: { event: 'sunset', latitude: 52.5, longitude: 13.4 } },
  ],
])('%s has its times and settings, at the top or below dag', (text, spec) => {
  for (const source of [`schedule: ${text}\n${dag}`, `${dag}  schedule: ${text}\n`])
    expect(parsed(source).schedule).toMatchObject({ spec, settings: { overlap: 'skip' } })
})

test.each([
  ['schedule: 5', ['invalid_value 1:11 schedule']],
  ['schedule: [1]', ['invalid_value 1:11 schedule']],
  ['schedule: often', ['invalid_value 1:11 schedule']],
  ['schedule: {overlap: skip}', ['invalid_value 1:11 schedule']],
  ['schedule: {every: 1h, enabled: false}', ['invalid_value 1:11 schedule']],
  ['schedule: {cron: "0 25 * * *"}', ['invalid_value 1:18 schedule.cron']],
  [
    'schedule: {every: 1ms, overlap: often, catch_up_limit: 0}',
    [
      'invalid_value 1:19 schedule.every',
      'invalid_value 1:33 schedule.overlap',
      'invalid_value 1:56 schedule.catch_up_limit',
    ],
  ],
])('%s is refused, with the place', (text, expected) => {
  expect(findings(`${text}\n${dag}`)).toEqual(expected)
  expect(parse(`${text}\n${dag}`).ok).toBe(false)
})

test('two schedules are one too many', () => {
  expect(findings(`schedule: "@daily"\n${dag}  schedule: "@daily"\n`)).toEqual([
    'duplicate_key 6:3 dag.schedule',
  ])
})
