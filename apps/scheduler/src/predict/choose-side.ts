import type { ModelRoute, ModelVersionRecord } from '@celeriac/core'

/** Who answers a request that names no version. */
export interface Side {
  readonly model: ModelVersionRecord
  readonly route: 'primary' | 'canary'
}

/**
 * The canary for its share of the requests, else the primary. With a sticky key always the same of both for as long as
 * this canary stands; a larger share keeps those that had it. Pure.
 * @param random from 0 to below 1
 */
export function chooseSide(
  { name, primary, canary }: Pick<ModelRoute, 'name' | 'primary' | 'canary'>,
  stickyKey: string | undefined,
  random: () => number,
): Side {
  if (canary === null || canary.percent <= 0) return { model: primary, route: 'primary' }
  const place =
    stickyKey === undefined ? random() : placeOf(`${name}\n${canary.version.version}\n${stickyKey}`)
  return place * 100 < canary.percent
    ? { model: canary.version, route: 'canary' }
    : { model: primary, route: 'primary' }
}

/** A place from 0 to below 1 for a text: FNV-1a, its bits mixed once more, since similar keys differ in few of them. */
export function placeOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
