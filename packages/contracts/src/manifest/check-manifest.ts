import { type AlgorithmManifest, manifestSchema } from './manifest.ts'
import { paramsValidatorOf, schemaFaultOf } from './params-validator.ts'

export interface ManifestProblem {
  /** For example `inputs.0.type`. */
  readonly path: string
  readonly message: string
}

export type ManifestCheck =
  | { readonly ok: true; readonly manifest: AlgorithmManifest }
  | { readonly ok: false; readonly problems: readonly ManifestProblem[] }

export interface ManifestCheckOptions {
  /**
   * The parameter schema is compiled at its first use and not now. For manifests that were checked whole before they were
   * shipped: compiling two dozen takes half a second. Default: now.
   */
  readonly compileLater?: boolean
}

/** Checks a manifest from outside, its parameter schema and the defaults in it included. All problems at once. */
export function checkManifest(
  value: unknown,
  { compileLater = false }: ManifestCheckOptions = {},
): ManifestCheck {
  const parsed = manifestSchema.safeParse(value)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
    return { ok: false, problems }
  }
  const manifest = parsed.data as unknown as AlgorithmManifest
  if (compileLater) return { ok: true, manifest }
  const fault = schemaFaultOf(manifest)
  const problems = fault === null ? defaultProblems(manifest) : [{ path: 'params', message: fault }]
  return problems.length === 0 ? { ok: true, manifest } : { ok: false, problems }
}

/** A default must fit its own parameter; how parameters go together is not its concern. */
function defaultProblems(manifest: AlgorithmManifest): readonly ManifestProblem[] {
  const validator = paramsValidatorOf(manifest)
  return validator
    .apply(validator.defaults)
    .violations.filter((violation) => violation.path.length > 0 && violation.kind !== 'missing')
    .map((violation) => ({
      path: ['params', 'properties', ...violation.path, 'default'].join('.'),
      message: violation.message,
    }))
}
