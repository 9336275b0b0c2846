import type { JsonObject } from '@celeriac/core'
import {
  paramsValidatorOf,
  type AlgorithmManifest,
  type ParamViolation,
  type ProblemView,
} from '@celeriac/contracts'

/** Adds a problem of a training request; `path` is the place in its body. */
export type Report = (code: string, path: string, message: string, suggestion?: string) => void

export const problemOf = (
  severity: ProblemView['severity'],
  { code, path, message, suggestion }: Pick<ProblemView, 'code' | 'path' | 'message' | 'suggestion'>,
): ProblemView => ({ code, severity, message, line: null, column: null, path, suggestion })

/** Parameters against the manifest of their algorithm. */
export function checkParams(
  manifest: AlgorithmManifest,
  params: JsonObject,
  pathOf: (name: string) => string,
  report: Report,
): void {
  for (const { kind, path, message, suggestion } of paramsValidatorOf(manifest).apply(params).violations) {
    // That it is missing was said in the words of the request.
    if (kind === 'missing' && path[0] === 'y_col') continue
    const [name, ...rest] = path
    const place = [pathOf(String(name ?? '')), ...rest.map(String)].join('.')
    report(codes[kind], place, `${manifest.algo_name}: ${message}`, suggestion)
  }
}

const codes: Readonly<Record<ParamViolation['kind'], string>> = {
  unknown: 'unknown_parameter',
  missing: 'missing_parameter',
  type: 'invalid_parameter',
  value: 'invalid_parameter',
  rejected: 'rejected_parameter',
}
