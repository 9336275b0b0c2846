import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error a plain script, shared with the reference pages
import { anchorOf as anchorOfAny } from '../../scripts/reference/markdown.mjs'

const anchorOf = anchorOfAny as (heading: string) => string
const root = join(import.meta.dirname, '..', '..')

const notOurs = new Set(['node_modules', 'dist', 'coverage', '__pycache__'])

/** Every page of the repository. */
function pagesBelow(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory())
      return entry.name.startsWith('.') || notOurs.has(entry.name) ? [] : pagesBelow(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}
const pages = pagesBelow('.').toSorted()

const withoutCode = (text: string): string =>
  text
    .replaceAll(/^(```+)[^\n]*\n[^]*?^\1$/gm, '')
    .replaceAll(/(`+)[^`\n]+\1/g, (code) => code.replaceAll(/[[\]()]/g, ' '))

const linkPattern = /\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm

function linksOf(page: string): string[] {
  const text = withoutCode(readFileSync(join(root, page), 'utf8'))
  return [...text.matchAll(linkPattern)].map(([, inline, reference]) => inline ?? reference ?? '')
}

/** The anchors that GitHub gives the headings of a page; the second of two equal ones ends in `-1`. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Map<string, number>()
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/^(```+)[^\n]*\n[^]*?^\1$/gm, '')
  const all = new Set<string>()
  for (const [, heading = ''] of text.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const anchor = anchorOf(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    const before = anchors.get(anchor) ?? 0
    anchors.set(anchor, before + 1)
    all.add(before === 0 ? anchor : `${anchor}-${before}`)
  }
  return all
}

/** What is wrong with a link; null when nothing is. Links to other places are not followed. */
function faultOf(page: string, target: string): string | null {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return null
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : relative(root, join(root, dirname(page), decodeURIComponent(path)))
  if (file.startsWith('..')) return `${target} leaves the repository`
  if (!existsSync(join(root, file))) return `${target} does not exist`
  if (anchor === undefined || !file.endsWith('.md') || statSync(join(root, file)).isDirectory()) return null
  return anchorsOf(file).has(anchor) ? null : `${target}: ${file} has no such heading`
}

test.each(pages)('every link of %s leads somewhere', (page) => {
  expect(linksOf(page).flatMap((target) => faultOf(page, target) ?? [])).toEqual([])
})

test('pages of the reference and the guides can be reached from the README', () => {
  const reached = new Set(['README.md'])
  for (const page of reached)
    for (const target of linksOf(page)) {
      const [path = ''] = target.split('#')
      if (path === '' || /^[a-z]+:/.test(path)) continue
      const file = relative(root, join(root, dirname(page), decodeURIComponent(path)))
      if (file.endsWith('.md') && existsSync(join(root, file))) reached.add(file)
    }
  expect(
    pages.filter((page) => /^docs\/(guide|reference|operations)\//.test(page) && !reached.has(page)),
  ).toEqual([])
})
