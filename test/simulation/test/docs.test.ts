import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { invariants } from '../src/invariants/violation.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const page = readFileSync(join(root, 'docs', 'simulation.md'), 'utf8')

/** The first column of the page's table under this heading. */
function namesUnder(heading: string): string[] {
  const [section = ''] = page.split(`## ${heading}\n`).slice(1).join('').split('\n## ')
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name)
}

test('the page lists the invariants that are checked', () => {
  expect(namesUnder('What must always hold').toSorted()).toEqual(Object.keys(invariants).toSorted())
})

test('the page lists the bugs that are planted', async () => {
  const file = pathToFileURL(join(root, 'test', 'simulation', 'mutations.mjs')).href
  const { mutations } = (await import(file)) as { mutations: readonly { readonly name: string }[] }
  expect(namesUnder('Planted bugs').toSorted()).toEqual(mutations.map(({ name }) => name).toSorted())
})
