import { textSchema, v2VersionSchema } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { z } from 'zod'
import type { ModelAddress } from '../../protocols/v2/infer.ts'

const modelName = textSchema(300).describe('Name of the model.')

export const v2ModelParams = z.object({ name: modelName })
export const v2VersionParams = v2ModelParams.extend({
  version: textSchema(100).describe('Version number, or an alias.'),
})
export type V2Params = z.output<typeof v2ModelParams> & { readonly version?: string }

/** Which model a path means: a number is a version, all else an alias. Throws NOT_FOUND_MODEL. */
export function addressOf({ name, version }: V2Params): ModelAddress {
  if (version === undefined) return { name }
  if (!/^\d+$/.test(version)) return { name, alias: version }
  const number = v2VersionSchema.safeParse(version)
  if (number.success && typeof number.data === 'number') return { name, version: number.data }
  throw new AppError('NOT_FOUND_MODEL', 'there is no such model or model version', {
    details: { name, version },
  })
}

/** The route of a model and that of one of its versions: the same but for the path. */
export const withAndWithoutVersion = <Row>(
  rowOf: (place: {
    /** `/v2/models/{name}` or `/v2/models/{name}/versions/{version}`. */
    readonly path: string
    readonly params: z.ZodType<V2Params>
    /** Goes behind operation ids. */
    readonly suffix: '' | 'Version'
  }) => Row,
): readonly Row[] => [
  rowOf({ path: '/v2/models/{name}', params: v2ModelParams, suffix: '' }),
  rowOf({ path: '/v2/models/{name}/versions/{version}', params: v2VersionParams, suffix: 'Version' }),
]
