import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reasonCodes } from '../../src/explain/explanation.ts'

test('the guide lists every code with its meaning, and no other', () => {
  const page = readFileSync(
    join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'guide', 'explain.md'),
    'utf8',
  )
  const chapter = page.slice(page.indexOf('## Codes'), page.indexOf('## Limits'))
  const rows = [...chapter.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ])
  expect(Object.fromEntries(rows)).toEqual(reasonCodes)
})
