import { expect, test } from 'vitest'
import { findings, parse, parsed } from './documents.ts'

const read = `dag:
  operator_list: [read]
  operator_rels: {}
  operator_details:
    read:
      algo_name: algo_local_read_file
      params: {data_id: 40}
`

test('unknown keys are kept, with a warning that names the nearest one', () => {
  const result = parse(`${read}      tiemout: 10s\n      remark: {any: [thing]}\n`)
  expect(result).toMatchObject({
    ok: true,
    warnings: [
      { code: 'unknown_key', severity: 'warning', line: 8, column: 7, suggestion: 'timeout' },
      {
        code: 'unknown_key',
        severity: 'warning',
        line: 9,
        column: 7,
        path: 'dag.operator_details.read.remark',
      },
    ],
    document: { dag: { operator_details: { read: { tiemout: '10s', remark: { any: ['thing'] } } } } },
  })
})

test('keys that begin with x- are the author’s own', () => {
  expect(findings(`x-team: risk\n${read}      x-note: 1\n`)).toEqual([])
})

test('what is not acted upon yet is kept, with a warning', () => {
  const source = `pool: night\npriority: 5\n${read}      cache: true\n      resources: {memory: 2GiB}\n`
  expect(findings(source)).toEqual([
    'ignored_key 1:1 pool',
    'ignored_key 2:1 priority',
    'ignored_key 10:7 dag.operator_details.read.cache',
    'ignored_key 11:7 dag.operator_details.read.resources',
  ])
  expect(parsed(source).document).toMatchObject({ pool: 'night', priority: 5 })
})

test('malformed canvas data is no obstacle', () => {
  const source = `params: 5\n${read}      coordinate: [1, 2]\n      cn_name: 42\n`
  expect(findings(source)).toEqual([
    'malformed_canvas 1:9 params',
    'malformed_canvas 9:19 dag.operator_details.read.coordinate',
    'malformed_canvas 10:16 dag.operator_details.read.cn_name',
  ])
  expect(parse(source).ok).toBe(true)
})

test('warnings are listed among the errors when there are both', () => {
  expect(findings(`${read}      tiemout: 1\n      timeout: -1\n`)).toEqual([
    'unknown_key 8:7 dag.operator_details.read.tiemout',
    'invalid_value 9:16 dag.operator_details.read.timeout',
  ])
})
