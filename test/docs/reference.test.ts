import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environmentNames } from '@celeriac/runtime'
import { expect, test } from 'vitest'
// @ts-expect-error a plain script, shared with `npm run docs:reference`
import { renderReference } from '../../scripts/reference.mjs'

const pages = (await renderReference()) as Record<string, string>

test.each(Object.keys(pages))('docs/%s is what the code says (else: npm run docs:reference)', (file) => {
  const written = readFileSync(join(import.meta.dirname, '..', '..', 'docs', file), 'utf8')
  expect(written).toBe(pages[file])
})

test("programs of one environment know each other's variables: none is called unknown", () => {
  const documented = pages['reference/configuration.md']?.match(/CELERIAC_[A-Z0-9_]+/g) ?? []
  expect(documented.length).toBeGreaterThan(20)
  const known: readonly string[] = environmentNames
  expect(documented.filter((name) => !known.includes(name))).toEqual([])
})
