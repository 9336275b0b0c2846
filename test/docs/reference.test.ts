import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error a plain script, shared with `npm run docs:reference`
import { renderReference } from '../../scripts/reference.mjs'

const pages = (await renderReference()) as Record<string, string>

test.each(Object.keys(pages))(
  'docs/reference/%s is what the code says (else: npm run docs:reference)',
  (file) => {
    const written = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', file), 'utf8')
    expect(written).toBe(pages[file])
  },
)
