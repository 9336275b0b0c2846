import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { auditActions } from '../../src/accounts/audit-trail.ts'

test('the guide lists every action of the audit log, and no other', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../../docs/guide/accounts.md'), 'utf8')
  const rows = [...guide.matchAll(/^\| `([a-z_]+\.[a-z_]+)` +\| (.*?) +\|$/gm)]
  expect(Object.fromEntries(rows.map(([, action, meaning]) => [action, meaning]))).toEqual(auditActions)
})
