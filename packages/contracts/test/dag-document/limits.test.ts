import { defaultDagLimits } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { findings, parse, parsed, passThroughDag } from './documents.ts'

const small = `dag:
  operator_list: [a, b]
  operator_rels: {a: [{target: b}]}
  operator_details:
    a: {algo_name: algo_local_pass_through}
    b: {algo_name: algo_local_pass_through}
`

test('a document over the size limit is refused before it is read', () => {
  expect(findings(`${small}# ${'x'.repeat(300)}\n{`, { limits: { bytes: 400 } })).toEqual([
    'document_too_large 1:1',
  ])
})

test('the size counts UTF-8 bytes, not characters', () => {
  const source = `${small}#${'读'.repeat(50)}`
  expect(parse(source, { limits: { bytes: source.length + 50 } }).ok).toBe(false)
  expect(parse(source, { limits: { bytes: source.length + 100 } }).ok).toBe(true)
})

test('keys and values over the limit are refused at the first one too many', () => {
  expect(findings('a: 1\nb: [2, 3]\n', { limits: { nodes: 5 } })).toEqual(['too_many_nodes 2:5'])
  expect(findings('a: 1\nb: [2, 3]\n', { limits: { nodes: 6 } })).toEqual(['too_many_nodes 2:8'])
})

test('nesting over the limit is refused where it happens', () => {
  expect(findings(`a: [[[[1]]]]\n${small}`, { limits: { depth: 4 } })).toEqual(['too_deep 1:7'])
  expect(findings(`a: [1]\n${small}`, { limits: { depth: 6 } })).toEqual(['unknown_key 1:1 a'])
})

test('nesting through aliases counts too', () => {
  const source = `x-1: &a [[[1]]]\nx-2: &b [[*a]]\nx-3: [[*b]]\n${small}`
  expect(findings(source, { limits: { depth: 8 } })).toEqual(['too_deep 3:8 x-3[0][0]'])
  expect(parse(source, { limits: { depth: 9 } }).ok).toBe(true)
})

test('more aliases than the limit are refused at the first one too many', () => {
  const source = `x-1: &a 1\nx-2: [*a, *a, *a]\n${small}`
  expect(findings(source, { limits: { aliases: 2 } })).toEqual(['too_many_aliases 2:15 x-2[2]'])
  expect(parse(source, { limits: { aliases: 3 } }).ok).toBe(true)
})

test('aliases that blow the document up are refused without writing them out', () => {
  const lines = ['x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]']
  for (let level = 1; level < 10; level += 1) {
    lines.push(`x-${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(', ')}]`)
  }
  expect(findings(`${lines.join('\n')}\n${small}`)).toEqual(['aliases_too_large 8:16 x-7[1]'])
})

test('more operators than the limit are refused, and the rest is still checked', () => {
  expect(findings(small, { limits: { operators: 1 } })).toEqual([
    'too_many_operators 2:18 dag.operator_list',
    'unlisted_operator 6:5 dag.operator_details.b',
  ])
})

test('more edges than the limit are refused', () => {
  const source = small.replace('[{target: b}]', '[{target: b}, {target: b}]')
  expect(findings(source, { limits: { edges: 1 } })).toEqual(['too_many_edges 3:36 dag.operator_rels.a[1]'])
})

test('parameters that would not fit into a message are refused', () => {
  const source = `dag:
  operator_list: [read]
  operator_details:
    read:
      algo_name: algo_local_read_file
      params: {data_id: 1, null_tokens: [${'x'.repeat(200_000)}]}
`
  expect(findings(`${source}  operator_rels: {}\n`)).toEqual([
    'params_too_large 6:7 dag.operator_details.read.params',
  ])
})

test('only so many problems are listed, errors before warnings, and one line sums up the rest', () => {
  const source = `odd: 1\n${small.replaceAll('pass_through', 'passthrough')}strange: 2\n`
  const result = parse(source, { limits: { problems: 2 } })
  expect(result).toMatchObject({
    ok: false,
    problems: [
      { code: 'unknown_algorithm' },
      { code: 'unknown_algorithm' },
      { code: 'too_many_problems', message: '2 more problems are not listed; put these right first' },
    ],
  })
})

test('the default limits admit a DAG of 5,000 operators', () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => `operator_${index}`)
  const edges = ids.slice(1).map((id, index) => [ids[index] ?? '', id] as const)
  const source = JSON.stringify(passThroughDag(ids.slice(0, 1), []))
  expect(source.length).toBeLessThan(defaultDagLimits.bytes)
  const rels = Object.fromEntries(edges.map(([from, target]) => [from, [{ target }]]))
  const details = Object.fromEntries(ids.map((id) => [id, { algo_name: 'algo_local_pass_through' }]))
  const chain = { dag: { operator_list: ids, operator_rels: rels, operator_details: details } }
  const { plan } = parsed(JSON.stringify(chain))
  expect(plan.operators).toHaveLength(5_000)
  expect(plan.operators.at(-1)?.upstream).toEqual([4_998])
})
