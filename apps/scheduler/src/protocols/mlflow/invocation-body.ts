import { mlflowBodySchema, type MlflowBody } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { mediaTypeOf } from '../../http/body-readers.ts'
import { checkInput } from '../../http/check-input.ts'
import type { BodyReader } from '../../http/route.ts'
import { decodeUtf8, parseLenientJson } from '../lenient-json.ts'
import { readProtocolBody } from '../protocol-body.ts'

const jsonType = 'application/json'
const csvType = 'text/csv'

/** What was sent: JSON in one of MLflow's formats, or the text of a CSV file. */
export type Invocation = { readonly json: MlflowBody } | { readonly csv: string }

export const invocationBody: BodyReader<Invocation> = {
  content: { [jsonType]: mlflowBodySchema, [csvType]: 'any' },
  required: true,
  async read(request, times) {
    const bytes = await readProtocolBody(request, times, { accepted: [jsonType, csvType] })
    requireUtf8(request.headers['content-type'] ?? '')
    if (mediaTypeOf(request) === csvType) return { csv: decodeUtf8(bytes) }
    return { json: checkInput(mlflowBodySchema, parseLenientJson(bytes), 'body') }
  },
}

/** As MLflow: the charset is the only parameter that a type may have, and UTF-8 the only charset. */
function requireUtf8(contentType: string): void {
  for (const parameter of contentType.split(';').slice(1)) {
    const [name = '', value = ''] = parameter.trim().toLowerCase().split('=')
    if (name === '' || (name === 'charset' && value.replaceAll('"', '') === 'utf-8')) continue
    throw new AppError('VALIDATION_CONTENT_TYPE', 'only UTF-8 is accepted here', {
      details: { content_type: contentType, accepted: [jsonType, csvType] },
    })
  }
}
