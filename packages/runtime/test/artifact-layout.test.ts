import { join } from 'node:path'
import { artifactLayout, artifactRootUrl, fileUrlOf, isBelow, pathOf } from '@celeriac/runtime'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const layout = artifactLayout('file:///data/artifacts/')
const key = { runId: 'run-1', operatorId: 'read', attempt: 2 }

test('everything has its place below the root', () => {
  expect(layout.root).toBe('file:///data/artifacts')
  expect(layout.runPrefix('run-1')).toBe('file:///data/artifacts/runs/run-1')
  expect(layout.attemptPrefix(key)).toBe('file:///data/artifacts/runs/run-1/read/2')
  expect(layout.portUri(key, 0)).toBe('file:///data/artifacts/runs/run-1/read/2/0')
  expect(layout.logUri(key)).toBe('file:///data/artifacts/runs/run-1/read/2.log.jsonl')
  expect(layout.datasetPrefix(40)).toBe('file:///data/artifacts/datasets/40')
})

test('other schemes work the same', () => {
  expect(artifactLayout('s3://bucket/celeriac').attemptPrefix(key)).toBe(
    's3://bucket/celeriac/runs/run-1/read/2',
  )
})

test('Chinese ids are percent-encoded in URLs and plain in paths', () => {
  const uri = layout.attemptPrefix({ ...key, operatorId: '读 文件#1?%' })
  expect(uri).toBe('file:///data/artifacts/runs/run-1/%E8%AF%BB%20%E6%96%87%E4%BB%B6%231%3F%25/2')
  expect(pathOf(uri)).toBe('/data/artifacts/runs/run-1/读 文件#1?%/2')
})

test.each(['', '.', '..', 'a/b', 'a\\b', 'a\0', 'a\nb', '\uD800', '读'.repeat(100)])(
  'the id %j is refused',
  (operatorId) => {
    expect(() => layout.attemptPrefix({ ...key, operatorId })).toThrow('an id cannot be used')
    expect(() => layout.runPrefix(operatorId)).toThrow('an id cannot be used')
  },
)

test.each([-1, 1.5, Number.NaN, 2 ** 60])('the number %d is refused', (attempt) => {
  expect(() => layout.attemptPrefix({ ...key, attempt })).toThrow('a number cannot be used')
})

test('no id leaves its run', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(), (operatorId, attempt) => {
      let uri: string
      try {
        uri = layout.attemptPrefix({ runId: 'run-1', operatorId, attempt })
      } catch {
        return
      }
      expect(isBelow(layout.runPrefix('run-1'), uri)).toBe(true)
      expect(pathOf(uri)).toBe(join('/data/artifacts/runs/run-1', operatorId, String(attempt)))
    }),
    { numRuns: 150 },
  )
})

test('file URLs and paths are each other’s inverse', () => {
  expect(pathOf(fileUrlOf('/tmp/a b/文.csv'))).toBe('/tmp/a b/文.csv')
  expect(fileUrlOf('/tmp/dir/')).toBe('file:///tmp/dir')
  expect(fileUrlOf('data')).toBe(fileUrlOf(join(process.cwd(), 'data')))
})

test.each(['s3://bucket/a', 'not a url', 'http://host/a'])('%s has no path on this machine', (uri) => {
  expect(() => pathOf(uri)).toThrow('not on a file system')
})

test.each([
  ['file:///data/artifacts/runs/a', true],
  ['file:///data/artifacts', false],
  ['file:///data/artifacts2/a', false],
  ['file:///data/artifacts/../secret', false],
  ['file:///data/artifacts/%2e%2e/secret', false],
  ['file:///data/artifacts/a%2Fb', false],
  ['s3://data/artifacts/a', false],
])('%s lies below the root: %s', (uri, expected) => {
  expect(isBelow('file:///data/artifacts', uri)).toBe(expected)
})

test('the root is configured or lies in the data directory', () => {
  expect(artifactRootUrl({ artifactUrl: 's3://b', dataDir: '/d' })).toBe('s3://b')
  expect(artifactRootUrl({ artifactUrl: null, dataDir: '/d' })).toBe('file:///d/artifacts')
})
