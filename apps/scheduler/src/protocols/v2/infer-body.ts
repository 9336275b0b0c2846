import { v2InferBodySchema, type V2InferBody } from '@celeriac/contracts'
import type { IncomingMessage } from 'node:http'
import { checkInput } from '../../http/check-input.ts'
import type { BodyReader } from '../../http/route.ts'
import { parseLenientJson } from '../lenient-json.ts'
import { Problems } from '../problems.ts'
import { readProtocolBody } from '../protocol-body.ts'

const jsonType = 'application/json'
const binaryType = 'application/octet-stream'

/** A request, and the bytes of the tensors that stand behind its JSON. */
export interface InferCall {
  readonly request: V2InferBody
  readonly binary: Buffer
}

/**
 * A body of `infer`: JSON, and behind it, where `Inference-Header-Content-Length` says how long the JSON is, tensors in
 * binary. Without a content type too: tritonclient sends none.
 */
export const inferBody: BodyReader<InferCall> = {
  content: { [jsonType]: v2InferBodySchema, [binaryType]: 'any' },
  required: true,
  async read(request, times) {
    const bytes = await readProtocolBody(request, times, { accepted: [jsonType, binaryType, ''] })
    const length = jsonLengthOf(request, bytes.length)
    const json = parseLenientJson(bytes.subarray(0, length))
    return { request: checkInput(v2InferBodySchema, json, 'body'), binary: bytes.subarray(length) }
  },
}

function jsonLengthOf({ headers }: IncomingMessage, all: number): number {
  const given = headers['inference-header-content-length']
  if (given === undefined) return all
  const length = /^\d+$/.test(String(given)) ? Number(given) : NaN
  if (length <= all) return length
  const problems = new Problems()
  problems.add('headers.Inference-Header-Content-Length', `0 to ${all}, the length of the body, is expected`)
  problems.throwIfAny('the header Inference-Header-Content-Length is not valid')
  return all
}
