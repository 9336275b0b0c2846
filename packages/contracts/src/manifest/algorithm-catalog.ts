import type { AlgorithmManifest } from './manifest.ts'

/** The algorithms that documents may name. Immutable. */
export interface AlgorithmCatalog {
  get(name: string): AlgorithmManifest | undefined
  /** All names, hidden ones too, in alphabetical order. */
  names(): readonly string[]
  /** All manifests, hidden ones too, in alphabetical order of their names. */
  all(): readonly AlgorithmManifest[]
}

/** A catalog of these manifests. Of two with the same name the first counts (the loader refuses such pairs). */
export function createAlgorithmCatalog(manifests: readonly AlgorithmManifest[]): AlgorithmCatalog {
  const byName = new Map<string, AlgorithmManifest>()
  for (const manifest of manifests) {
    if (!byName.has(manifest.algo_name)) byName.set(manifest.algo_name, manifest)
  }
  const names = [...byName.keys()].toSorted()
  const sorted = names.flatMap((name) => byName.get(name) ?? [])
  return { get: (name) => byName.get(name), names: () => names, all: () => sorted }
}
