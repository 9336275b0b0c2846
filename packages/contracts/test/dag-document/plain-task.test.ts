import { expect, test } from 'vitest'
import { findings, parsed } from './documents.ts'

const mixed = `dag:
  operator_list: [read, split, tell, after]
  operator_rels:
    read: [{target: split}, {target: tell}]
    tell: [{target: after}, {target: split}]
  operator_details:
    read: {algo_name: algo_local_read_file, params: {data_id: 40}}
    split: {algo_name: algo_local_split_data}
    tell:
      task: reports.tell
      args: [1, {deep: [true, null]}]
      kwargs: {to: team@example.org}
      queue: reports
      retries: {max: 2, backoff: 5s}
      timeout: 1m
      trigger_rule: all_done
    after: {task: tasks.noop, params: {}, args: null, queue: ~}
`

test('an operator may be a Celery task, with what it is called with and the queue it goes to', () => {
  const [, , tell, after] = parsed(mixed).plan.operators
  expect(tell).toMatchObject({
    algoName: '',
    executor: 'celery',
    task: {
      name: 'reports.tell',
      args: [1, { deep: [true, null] }],
      kwargs: { to: 'team@example.org' },
      queue: 'reports',
    },
    params: {},
    retry: { max: 2, backoffMs: 5_000 },
    timeoutMs: 60_000,
    triggerRule: 'all_done',
  })
  expect(after?.task).toEqual({ name: 'tasks.noop', args: [], kwargs: {}, queue: null })
})

test('an edge from or to a task orders and carries nothing, so it takes no port', () => {
  const [read, split, tell, after] = parsed(mixed).plan.operators
  expect(split).toMatchObject({ inputs: [{ port: 0, from: 0, fromPort: 0 }], upstream: [0, 2] })
  expect(tell).toMatchObject({ inputs: [], upstream: [0], downstream: [1, 3] })
  expect(after).toMatchObject({ inputs: [], upstream: [2], downstream: [] })
  expect(read?.downstream).toEqual([1, 2])
  expect('task' in read!).toBe(false)
})

test('an edge from a task does not feed a required input', () => {
  const source = mixed.replace('{target: split}, {target: tell}', '{target: tell}')
  expect(findings(source)).toEqual(['input_unwired 8:5 dag.operator_details.split'])
})

test('tasks count in cycles', () => {
  const source = mixed.replace('tell: [', 'after: [{target: tell}]\n    tell: [')
  expect(findings(source)).toEqual(['cycle 5:22 dag.operator_rels.after[0].target'])
})

test('what belongs to a task means nothing to an algorithm', () => {
  const source = mixed.replace('params: {data_id: 40}}', 'params: {data_id: 40}, args: [1], queue: fast}')
  expect(findings(source)).toEqual([
    'unknown_key 7:68 dag.operator_details.read.args',
    'unknown_key 7:79 dag.operator_details.read.queue',
  ])
})

test('arguments that would not fit into a message are refused', () => {
  const large = mixed.replace('team@example.org', 'x'.repeat(140_000))
  expect(findings(large)).toEqual(['params_too_large 12:7 dag.operator_details.tell.kwargs'])
  const list = mixed.replace('[1, {deep', `['${'x'.repeat(140_000)}', {deep`)
  expect(findings(list)).toEqual(['params_too_large 11:7 dag.operator_details.tell.args'])
})

test('an operator that names neither an algorithm nor a task lacks one', () => {
  const source = mixed.replace('algo_name: algo_local_split_data', 'data_type: table')
  expect(findings(source)).toEqual(['missing_key 8:5 dag.operator_details.split.algo_name'])
})
