import type { DocumentPath } from './document-path.ts'
import type { ProblemList } from './problem-list.ts'
import type { YamlMapping } from './yaml/yaml-tree.ts'

/** Keys of one kind of mapping, by what Celeriac does with them. */
export interface KnownKeys {
  readonly used: readonly string[]
  /** Kept, but not acted upon yet: a warning. */
  readonly ignored: readonly string[]
  /** Not acted upon yet, and they would change what runs: an error. */
  readonly unsupported: readonly string[]
}

export const documentKeys: KnownKeys = {
  used: ['dag', 'name', 'params', 'schedule', 'max_active_runs'],
  ignored: ['pool', 'priority'],
  unsupported: [],
}

export const dagKeys: KnownKeys = {
  used: [
    'operator_list',
    'operator_rels',
    'operator_details',
    'params',
    'name',
    'schedule',
    'max_active_runs',
  ],
  ignored: ['pool', 'priority'],
  unsupported: [],
}

export const operatorKeys: KnownKeys = {
  used: [
    'algo_name',
    'data_type',
    'type',
    'cn_name',
    'coordinate',
    'params',
    'executor',
    'retries',
    'timeout',
    'trigger_rule',
    'task',
    'args',
    'kwargs',
    'queue',
  ],
  ignored: ['cache', 'resources', 'pool', 'priority'],
  unsupported: ['when'],
}

export const edgeKeys: KnownKeys = {
  used: ['target', 'source_index', 'target_index'],
  ignored: [],
  unsupported: [],
}

export const retryKeys: KnownKeys = {
  used: ['max', 'backoff', 'backoff_max', 'jitter'],
  ignored: [],
  unsupported: [],
}

/**
 * Reports the keys of a mapping that are unknown or not acted upon. Keys that start with `x-` are the author's own;
 * a key whose value is null counts as absent.
 */
export function checkKeys(
  mapping: YamlMapping,
  path: DocumentPath,
  known: KnownKeys,
  problems: ProblemList,
): void {
  const all = [...known.used, ...known.ignored, ...known.unsupported]
  for (const [key, { node }] of mapping.entries) {
    if (known.used.includes(key) || key.startsWith('x-')) continue
    const keyPath = [...path, key]
    if (known.unsupported.includes(key)) {
      if (node.value === null) continue
      const message = `${key} is not supported by this version, and without it the run would be another one; remove it`
      problems.add({ code: 'unsupported_feature', message, path: keyPath, atKey: true })
    } else if (known.ignored.includes(key)) {
      if (node.value === null) continue
      const message = `${key} is kept, but this version does not act upon it`
      problems.add({ code: 'ignored_key', message, path: keyPath, atKey: true })
    } else {
      const suggestion = problems.nearest(key, all)
      const hint = suggestion === undefined ? 'it is kept and ignored' : `did you mean ${suggestion}?`
      const message = `${JSON.stringify(key.slice(0, 80))} is not a key that Celeriac knows; ${hint}`
      problems.add({ code: 'unknown_key', message, path: keyPath, atKey: true, suggestion })
    }
  }
}
