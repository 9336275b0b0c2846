import { parseDagDocument, dumpDagDocument } from '@celeriac/contracts'
import type { IrisRow, OperatorTask, OperatorTaskState, RunState } from '@celeriac/core'
import { builtinAlgorithmsDir, loadAlgorithms } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { distinctRows, irisCsv, irisIdOf } from '../../src/iris/iris-rows.ts'
import { irisTrainState } from '../../src/iris/iris-training-view.ts'
import { irisDocument } from '../../src/iris/iris-training.ts'

const row = (id: number, sepalLen: number, category = ''): IrisRow => ({
  id,
  sepalLen,
  sepalWidth: 3,
  petalLen: 1e-7,
  petalWidth: 1e21,
  category,
})

test('the document of a training is a valid one, for any number of clusters', async () => {
  const algorithms = await loadAlgorithms([builtinAlgorithmsDir()])
  const source = dumpDagDocument(irisDocument(7, 12, algorithms))
  expect(parseDagDocument(source, { algorithms })).toMatchObject({
    ok: true,
    name: 'iris-kmeans',
    warnings: [],
  })
  expect(source).toContain('n_clusters: 7')
  expect(source).toContain('data_id: 12')
})

test('the file has the measures and nothing else; categories do not make rows different', () => {
  const rows = [row(1, 5.1, 'a'), row(2, 5.1, 'b,"c"'), row(3, 5.2)]
  expect(irisCsv(rows)).toBe(
    'sepal_len,sepal_width,petal_len,petal_width\n5.1,3,1e-7,1e+21\n5.1,3,1e-7,1e+21\n5.2,3,1e-7,1e+21\n',
  )
  expect(distinctRows(rows)).toBe(2)
})

test('the id of a row may be written with its format', () => {
  expect(['7', '7.json', '007', '7.JSON'].map(irisIdOf)).toEqual([7, 7, 7, 7])
  for (const text of ['', 'seven', '7.xml', '7.5', '-7', '0x7', '12345678901'])
    expect(irisIdOf(text), text).toBeNaN()
})

test('the state of a run has its word of Celery', () => {
  const stateOf = (state: RunState, ...tasks: readonly [OperatorTaskState, number | null][]): string =>
    irisTrainState({
      state,
      tasks: tasks.map(([taskState, startedAt]) => ({ state: taskState, startedAt }) as OperatorTask),
    })
  expect(stateOf('queued', ['pending', null])).toBe('PENDING')
  expect(stateOf('running', ['queued', null], ['pending', null])).toBe('PENDING')
  expect(stateOf('running', ['succeeded', 1], ['queued', null])).toBe('STARTED')
  expect(stateOf('running', ['succeeded', 1], ['retry_wait', 1])).toBe('RETRY')
  expect(stateOf('succeeded', ['succeeded', 1])).toBe('SUCCESS')
  expect(stateOf('failed', ['failed', 1])).toBe('FAILURE')
  expect(stateOf('cancelling', ['running', 1])).toBe('REVOKED')
  expect(stateOf('cancelled', ['cancelled', 1])).toBe('REVOKED')
})
