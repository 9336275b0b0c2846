import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi, type Harness } from './api-harness.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.close())

/** `width` chains of `length` operators. */
function wideDocument(width: number, length: number): string {
  const id = (chain: number, step: number): string => `c${chain}_${step}`
  const list: string[] = []
  const relations: string[] = []
  const details: string[] = []
  for (let chain = 0; chain < width; chain++)
    for (let step = 0; step < length; step++) {
      list.push(`    - ${id(chain, step)}`)
      details.push(`    ${id(chain, step)}: {algo_name: algo_local_pass_through, params: {}}`)
      if (step > 0)
        relations.push(
          `    ${id(chain, step - 1)}: [{target: ${id(chain, step)}, source_index: 0, target_index: 0}]`,
        )
    }
  return [
    'dag:',
    '  operator_list:',
    ...list,
    '  operator_rels:',
    ...relations,
    '  operator_details:',
    ...details,
  ].join('\n')
}

test('a DAG of 5,000 operators is submitted and read in full', async () => {
  const submitted = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: wideDocument(100, 50),
  })
  expect(submitted.status).toBe(202)
  expect(submitted.body.operator_count).toBe(5_000)
  const { body } = await api.call('GET', `/api/v1/runs/${submitted.body.id}`)
  expect(body.operators).toHaveLength(5_000)
  expect(body.operators[4_999]).toMatchObject({ id: 'c99_49', upstream: ['c99_48'], state: 'pending' })
})
