import { checkManifest, paramsValidatorOf } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { builtinCatalog } from '../builtin-catalog.ts'

const param = { type: 'integer', title: 'Rows', 'x-cn-title': '行', description: 'Rows to keep.' }
const manifest = {
  manifest_version: 1,
  algo_name: 'algo_local_head',
  cn_name: '前几行',
  en_name: 'Head',
  category: 'preprocess',
  cn_category: '数据预处理',
  description: 'Keeps the first rows.',
  cn_description: '保留前几行。',
  executor: 'local',
  deterministic: true,
  inputs: [{ index: 0, name: 'table', type: ['Table'], required: true, cn_name: '表' }],
  outputs: [{ index: 0, name: 'table', type: 'Table' }],
  params: {
    type: 'object',
    additionalProperties: false,
    properties: { rows: { ...param, default: 10, minimum: 1 } },
  },
}
const problemsOf = (value: unknown) => {
  const checked = checkManifest(value)
  return checked.ok ? [] : checked.problems
}

test('a manifest is read, with one or several types per input', () => {
  const checked = checkManifest(manifest)
  expect(checked).toMatchObject({ ok: true, manifest: { hidden: false } })
  const single = checkManifest({ ...manifest, inputs: [{ ...manifest.inputs[0], type: 'Table' }] })
  expect(single.ok && single.manifest.inputs[0]).toEqual({
    index: 0,
    name: 'table',
    type: ['Table'],
    required: true,
    multiple: false,
    cn_name: '表',
  })
})

test('every built-in manifest is sound', () => {
  expect(builtinCatalog().names()).toContain('algo_local_read_file')
})

test('all faults of a manifest are reported at once', () => {
  const paths = problemsOf({
    ...manifest,
    algo_name: 'Head',
    category: 'magic',
    extra: 1,
    outputs: [{ index: 1, name: 'table', type: 'Matrix' }],
  }).map(({ path }) => path)
  expect(paths).toEqual(expect.arrayContaining(['algo_name', 'category', 'outputs.0.type', '']))
})

test('ports must be numbered from 0', () => {
  expect(problemsOf({ ...manifest, outputs: [{ index: 1, name: 'table', type: 'Table' }] })).toEqual([
    { path: 'outputs', message: 'ports must be listed in order and numbered 0, 1, 2, …' },
  ])
})

test('a default that does not fit its own parameter is a fault', () => {
  const params = { ...manifest.params, properties: { rows: { ...param, default: 'all' } } }
  expect(problemsOf({ ...manifest, params })).toEqual([
    { path: 'params.properties.rows.default', message: 'must be integer, got string "all"' },
  ])
})

test('a schema that cannot be compiled is a fault', () => {
  const params = { ...manifest.params, properties: { rows: { ...param, type: 'whole number' } } }
  expect(problemsOf({ ...manifest, params })).toMatchObject([{ path: 'params' }])
})

test('a schema that is compiled later says at its first use that it cannot be', () => {
  const params = { ...manifest.params, properties: { rows: { ...param, type: 'whole number' } } }
  const checked = checkManifest({ ...manifest, params }, { compileLater: true })
  if (!checked.ok) throw new Error('refused too early')
  expect(() => paramsValidatorOf(checked.manifest)).toThrow(TypeError)
})

test.each([null, 7, 'text', [], {}])('%j is no manifest', (value) => {
  expect(problemsOf(value)).not.toEqual([])
})
