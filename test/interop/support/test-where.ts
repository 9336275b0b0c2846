import { test } from 'vitest'

/**
 * `test` where a feature exists, else nothing: with `test.runIf` it would be listed as skipped, which CI counts as failed,
 * though there is nothing that could be tested.
 */
export const testWhere = (exists: boolean): ((name: string, body: () => Promise<void>) => void) =>
  exists ? (name, body) => test(name, body) : () => {}
