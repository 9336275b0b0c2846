import { storeMeter } from '@celeriac/store'
import { createMetrics } from '@celeriac/runtime'
import { expect, test } from 'vitest'

test('a call is timed under its operation; what the caller did wrong is no fault of the database', async () => {
  const registry = createMetrics({ processMetrics: false })
  const onOperation = storeMeter(registry)
  onOperation({ operation: 'commitBatch', outcome: 'ok', durationMs: 5 })
  onOperation({ operation: 'createDataset', outcome: 'CONFLICT_DATASET_EXISTS', durationMs: 1 })
  onOperation({ operation: 'ping', outcome: 'STORE_UNAVAILABLE', durationMs: 5_000 })
  onOperation({ operation: 'findRun', outcome: 'INTERNAL_ERROR', durationMs: 1 })
  const counts = (await registry.expose())
    .split('\n')
    .filter((line) => line.includes('_count{') && !line.endsWith(' 0'))
  expect(counts.toSorted()).toEqual(
    [
      ['commitBatch', 'ok'],
      ['createDataset', 'ok'],
      ['findRun', 'error'],
      ['ping', 'error'],
    ].map(
      ([operation, outcome]) =>
        `celeriac_store_operation_duration_seconds_count{operation="${operation}",outcome="${outcome}"} 1`,
    ),
  )
})
