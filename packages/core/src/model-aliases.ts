import { candidateAlias, championAlias, type ModelChange } from './ports/model-registry.ts'

/** Of several aliases the one to show where there is room for one: champion before candidate before the others. */
export const leadingAlias = (aliases: readonly string[]): string | null =>
  [championAlias, candidateAlias].find((alias) => aliases.includes(alias)) ?? aliases[0] ?? null

/**
 * The version that a rollback makes champion: the one before the last change that no rollback has undone yet. So a second
 * rollback goes further back, and never to the version that the first one left. Null: there is none.
 *
 * @param changes of the alias `champion`, newest first
 */
export function championToRestore(
  changes: readonly Pick<ModelChange, 'kind' | 'previousVersion'>[],
): number | null {
  let undone = 0
  for (const { kind, previousVersion } of changes) {
    if (kind === 'rolled_back') undone += 1
    else if (undone > 0) undone -= 1
    else return previousVersion
  }
  return null
}
