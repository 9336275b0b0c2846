import type { JsonObject } from '@celeriac/core'
import type { AlgorithmManifest } from '../../manifest/manifest.ts'
import type { ViolationKind } from '../../manifest/param-violations.ts'
import { paramsValidatorOf } from '../../manifest/params-validator.ts'
import type { DocumentPath } from '../document-path.ts'
import type { ProblemCode } from '../problem.ts'
import type { ProblemList } from '../problem-list.ts'

const codeOf: Readonly<Record<ViolationKind, ProblemCode>> = {
  unknown: 'unknown_parameter',
  missing: 'missing_parameter',
  type: 'wrong_type',
  value: 'invalid_value',
  rejected: 'rejected_value',
}

/** Checks parameters against the manifest. The result is what the operator runs with. */
export function checkParams(
  params: JsonObject,
  manifest: AlgorithmManifest,
  path: DocumentPath,
  problems: ProblemList,
): JsonObject {
  const applied = paramsValidatorOf(manifest).apply(params)
  for (const violation of applied.violations) {
    problems.add({
      code: codeOf[violation.kind],
      message: `${manifest.algo_name}: ${violation.message}`,
      path: [...path, ...violation.path],
      atKey: violation.kind === 'unknown',
      suggestion: violation.suggestion,
    })
  }
  return applied.params
}
