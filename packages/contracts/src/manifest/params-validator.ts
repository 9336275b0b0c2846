import type { JsonObject, JsonValue } from '@celeriac/core'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { messageOf } from '@celeriac/core'
import type { AlgorithmManifest } from './manifest.ts'
import { type ParamViolation, violationsOf } from './param-violations.ts'

/** Parameters of one algorithm: checks them and fills in defaults. */
export interface ParamsValidator {
  /** What a parameter is when it is not given; required ones have none. */
  readonly defaults: JsonObject
  /**
   * Checks the parameters. Without violations `params` is what the operator runs with: defaults filled in, flags of
   * the user interface (`x-ui`) left out. At most one violation per place, the most telling.
   */
  apply(params: JsonObject): { readonly violations: readonly ParamViolation[]; readonly params: JsonObject }
}

// A manifest comes with the Python code that it describes, so compiling its schema adds no trust. Strict mode would
// refuse the `x-` annotations; unknown keywords are refused by Python's checker and its tests. Optimizing the compiled
// code takes longer than all its runs.
const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: false,
  ownProperties: true,
  formats: { 'dataset-id': true },
  code: { optimize: false },
})

type Compiled = { readonly validator: ParamsValidator } | { readonly fault: string }
const compiled = new WeakMap<AlgorithmManifest, Compiled>()

function compile(manifest: AlgorithmManifest): Compiled {
  let validate: ValidateFunction
  try {
    validate = ajv.compile(manifest.params)
  } catch (error) {
    return { fault: messageOf(error) }
  }
  const specs = Object.entries(manifest.params.properties)
  const required = new Set(manifest.params.required as readonly string[] | undefined)
  const defaults = Object.fromEntries(
    specs.flatMap(([name, spec]): [string, JsonValue][] =>
      spec.default === undefined || required.has(name) ? [] : [[name, spec.default]],
    ),
  )
  const flags = specs.flatMap(([name, spec]) => (spec['x-ui'] === true ? [name] : []))
  const apply: ParamsValidator['apply'] = (given) => {
    const params: Record<string, JsonValue> = { ...defaults, ...given }
    if (!validate(params)) return { violations: violationsOf(validate.errors ?? [], given), params: {} }
    for (const flag of flags) delete params[flag]
    return { violations: [], params }
  }
  return { validator: { defaults, apply } }
}

function compiledOf(manifest: AlgorithmManifest): Compiled {
  let known = compiled.get(manifest)
  if (known === undefined) {
    known = compile(manifest)
    compiled.set(manifest, known)
  }
  return known
}

/** Why the parameter schema cannot be used; null when it can. */
export function schemaFaultOf(manifest: AlgorithmManifest): string | null {
  const known = compiledOf(manifest)
  return 'fault' in known ? known.fault : null
}

/** Compiled once per manifest object. Throws TypeError for a schema that `checkManifest` would have refused. */
export function paramsValidatorOf(manifest: AlgorithmManifest): ParamsValidator {
  const known = compiledOf(manifest)
  if ('fault' in known) throw new TypeError(`${manifest.algo_name}: ${known.fault}`)
  return known.validator
}
