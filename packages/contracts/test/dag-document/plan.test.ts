import { createAlgorithmCatalog } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { catalog, findings, parsed } from './documents.ts'

const one = (settings: string): string => `dag:
  operator_list: [read]
  operator_rels: {}
  operator_details:
    read:
      algo_name: algo_local_read_file
      params: {data_id: 40}
${settings
  .split('\n')
  .map((line) => `      ${line}`)
  .join('\n')}
`
const operatorOf = (settings: string) => parsed(one(settings)).plan.operators[0]

test('an operator without settings gets the defaults', () => {
  expect(operatorOf('')).toMatchObject({
    ordinal: 0,
    id: 'read',
    executor: 'local',
    triggerRule: 'all_success',
    retry: { max: 0, backoffMs: 1_000, backoffMaxMs: 600_000, jitter: true },
    timeoutMs: null,
    inputs: [],
    upstream: [],
    downstream: [],
  })
})

test('settings of null count as absent', () => {
  expect(operatorOf('retries: null\ntimeout: null\nexecutor: ~\ntrigger_rule:\nwhen: null')).toEqual(
    operatorOf(''),
  )
})

test('retries, timeout, trigger rule and executor are taken over', () => {
  expect(
    operatorOf(
      'retries: {max: 3, backoff: 10s, backoff_max: 1m, jitter: false}\ntimeout: 5m\ntrigger_rule: all_done\nexecutor: local',
    ),
  ).toMatchObject({
    executor: 'local',
    retry: { max: 3, backoffMs: 10_000, backoffMaxMs: 60_000, jitter: false },
    timeoutMs: 300_000,
    triggerRule: 'all_done',
  })
})

test('plain numbers are seconds', () => {
  expect(operatorOf('timeout: 1.5\nretries: {max: 1, backoff: 2}')).toMatchObject({
    timeoutMs: 1_500,
    retry: { backoffMs: 2_000 },
  })
})

test('the bound of the backoff follows a longer backoff, and the backoff a lower bound', () => {
  expect(operatorOf('retries: {max: 1, backoff: 1h}')?.retry.backoffMaxMs).toBe(3_600_000)
  expect(operatorOf('retries: {max: 1, backoff_max: 500ms}')?.retry).toMatchObject({
    backoffMs: 500,
    backoffMaxMs: 500,
  })
})

test('the executor follows the name of the algorithm', () => {
  const manifest = catalog.get('algo_local_read_file')!
  const algorithms = createAlgorithmCatalog([{ ...manifest, algo_name: 'algo_dc_read_file' }])
  const source = one('').replace('algo_local_read_file', 'algo_dc_read_file')
  expect(parsed(source, { algorithms }).plan.operators[0]?.executor).toBe('dc')
})

test('further executors may be allowed', () => {
  expect(parsed(one('executor: gpu'), { executors: ['local', 'gpu'] }).plan.operators[0]?.executor).toBe(
    'gpu',
  )
})

test('port indexes that are left out mean port 0', () => {
  const source = `dag:
  operator_list: [read, split]
  operator_rels: {read: [{target: split}]}
  operator_details:
    read: {algo_name: algo_local_read_file, params: {data_id: 40}}
    split: {algo_name: algo_local_split_data}
`
  expect(parsed(source).plan.operators[1]?.inputs).toEqual([{ port: 0, from: 0, fromPort: 0 }])
})

test('operators may be joined by several edges; neighbours are listed once', () => {
  const source = `dag:
  operator_list: [predict, train, read]
  operator_rels:
    read: [{target: train}, {target: predict, target_index: 0}]
    train: [{target: predict, target_index: 1}]
  operator_details:
    read: {algo_name: algo_local_read_file, params: {data_id: 40}}
    train: {algo_name: algo_local_model_2c_l, params: {y_col: y}}
    predict: {algo_name: algo_local_model_predict}
`
  const [predict, train, read] = parsed(source).plan.operators
  expect(predict).toMatchObject({ upstream: [1, 2], downstream: [] })
  expect(train).toMatchObject({ upstream: [2], downstream: [0] })
  expect(read).toMatchObject({ upstream: [], downstream: [0, 1] })
})

test('a port with "multiple" takes several edges, in the order of operator_rels', () => {
  const union = {
    ...catalog.get('algo_local_pass_through')!,
    algo_name: 'algo_local_union',
    inputs: [
      { index: 0, name: 'tables', type: ['Table'] as const, required: true, multiple: true, cn_name: '表' },
    ],
  }
  const algorithms = createAlgorithmCatalog([...catalog.all(), union])
  const source = `dag:
  operator_list: [a, b, all]
  operator_rels: {b: [{target: all}], a: [{target: all}]}
  operator_details:
    a: {algo_name: algo_local_pass_through}
    b: {algo_name: algo_local_pass_through}
    all: {algo_name: algo_local_union}
`
  expect(parsed(source, { algorithms }).plan.operators[2]?.inputs).toEqual([
    { port: 0, from: 1, fromPort: 0 },
    { port: 0, from: 0, fromPort: 0 },
  ])
})

test('a model that was not fitted on a table does not stand for one', () => {
  const registry = {
    ...catalog.get('algo_local_model_2c_l')!,
    algo_name: 'algo_local_load_model',
    inputs: [],
    params: { type: 'object', additionalProperties: false, properties: {} } as const,
  }
  const algorithms = createAlgorithmCatalog([...catalog.all(), registry])
  const source = `dag:
  operator_list: [load, split]
  operator_rels: {load: [{target: split}]}
  operator_details:
    load: {algo_name: algo_local_load_model}
    split: {algo_name: algo_local_split_data}
`
  expect(findings(source, { algorithms })).toEqual([
    'port_type_mismatch 3:26 dag.operator_rels.load[0].target_index',
  ])
})

test('the name may stand at the top or below dag', () => {
  expect(parsed(one('')).name).toBeNull()
  expect(parsed(`name: 信用评分\n${one('')}`).name).toBe('信用评分')
  expect(parsed(one('').replace('dag:', 'dag:\n  name: credit')).name).toBe('credit')
})

test('JSON is a document too', () => {
  const document = {
    dag: {
      operator_list: ['read'],
      operator_rels: {},
      operator_details: { read: { algo_name: 'algo_local_read_file', params: { data_id: 40 } } },
    },
  }
  expect(parsed(JSON.stringify(document, null, '\t').replaceAll('\t', '  ')).document).toEqual(document)
})

test('a byte order mark is no part of the document', () => {
  expect(parsed(`\uFEFF${one('')}`).plan.operators).toHaveLength(1)
  expect(findings(`\uFEFFodd: 1\n${one('')}`)).toEqual(['unknown_key 1:1 odd'])
})

test('lines are counted for all kinds of line ends', () => {
  expect(findings(`a-1: 1\r\na-2: 1\n${one('')}`)).toEqual(['unknown_key 1:1 a-1', 'unknown_key 2:1 a-2'])
})
