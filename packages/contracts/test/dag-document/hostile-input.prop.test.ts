import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findings, parse, parsed } from './documents.ts'

const read = `dag:
  operator_list: [read]
  operator_rels: {}
  operator_details:
    read:
      algo_name: algo_local_read_file
      params: {data_id: 40}
`

describe('hostile documents', () => {
  test.each([
    ['deep flow nesting', '['.repeat(100_000)],
    ['deep flow mappings', '{a: '.repeat(100_000)],
    ['deep block nesting', Array.from({ length: 3_000 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
    ['deep sequences on one line', '- '.repeat(50_000)],
    ['many anchors and tags', '&a !!str '.repeat(20_000)],
    ['an unclosed text of a megabyte', `"${'x'.repeat(1_000_000)}`],
    ['colons without end', ': '.repeat(50_000)],
    ['question marks without end', '? '.repeat(50_000)],
    ['nothing but NUL', '\0'.repeat(1_000)],
    ['binary', String.fromCharCode(...Array.from({ length: 5_000 }, (_, index) => index % 256))],
    ['a document end without a document', '...\n...\n'],
    ['an unknown directive', '%FOO bar\n---\na: 1\n'],
    ['a redefined tag handle', '%TAG !! tag:evil.example,2000:\n---\ndag: !!str x\n'],
  ])('%s is refused without an exception', (_name, source) => {
    const result = parse(source)
    expect(result.ok).toBe(false)
    expect(result.ok ? [] : result.problems).not.toEqual([])
  })

  test('a megabyte of text in an unknown key is carried along', () => {
    const note = '长'.repeat(300_000)
    expect(parsed(`x-note: ${note}\n${read}`).document['x-note']).toBe(note)
  })

  test('no key reaches a prototype', () => {
    const source = `${read}__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n`
    expect(findings(source)).toEqual(['invalid_key 8:1 __proto__', 'unknown_key 9:1 constructor'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('operators may be called like members of Object', () => {
    const source = read
      .replaceAll('read:', 'constructor:')
      .replace('[read]', '[constructor, toString, valueOf]')
    expect(findings(source)).toEqual([
      'missing_details 2:32 dag.operator_list[1]',
      'missing_details 2:42 dag.operator_list[2]',
    ])
  })

  test('parameters called like members of Object are unknown parameters', () => {
    expect(findings(read.replace('data_id: 40', 'data_id: 40, toString: 1, hasOwnProperty: 2'))).toEqual([
      'unknown_parameter 7:29 dag.operator_details.read.params.toString',
      'unknown_parameter 7:42 dag.operator_details.read.params.hasOwnProperty',
    ])
  })

  test('keys and values in messages are cut', () => {
    const long = 'k'.repeat(10_000)
    const result = parse(`${read}      ${long}: 1\n      trigger_rule: ${long}\n`)
    for (const problem of result.ok ? [] : result.problems) expect(problem.message.length).toBeLessThan(500)
  })

  test('ten thousand misspelt names cost no ten thousand times ten thousand comparisons', () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => `operator_with_a_rather_long_name_${index}`)
    const details = Object.fromEntries(ids.map((id) => [`${id}x`, { algo_name: 'algo_local_pass_through' }]))
    const source = JSON.stringify({
      dag: { operator_list: ids, operator_rels: {}, operator_details: details },
    })
    const result = parse(source)
    expect(result.ok ? [] : result.problems).toHaveLength(1_001)
  })
})

describe('any text', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({
      unit: fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '-',
        '[',
        ']',
        '{',
        '}',
        '"',
        "'",
        '&',
        '*',
        '!',
        '|',
        '>',
        '#',
        '%',
        '?',
        ',',
        '\t',
        '读',
        '\uD800',
        '0',
      ),
      maxLength: 300,
    }),
  )

  test('never makes the parser throw', () => {
    fc.assert(
      fc.property(anyText, (source) => {
        const result = parse(source)
        expect(result.ok || result.problems.length > 0).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('put into a good document never makes the parser throw, and every place exists', () => {
    fc.assert(
      fc.property(fc.nat(read.length), fc.nat(20), anyText, (at, cut, insertion) => {
        const source = read.slice(0, at) + insertion + read.slice(at + cut)
        const result = parse(source)
        const lines = source.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
        for (const { line, column } of result.ok ? result.warnings : result.problems) {
          expect(lines[line - 1]).toBeDefined()
          expect(column).toBeGreaterThanOrEqual(1)
          expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1)
        }
      }),
      { numRuns: 700 },
    )
  })
})
