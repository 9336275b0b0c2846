import type { V2InferAnswer, V2InferBody, V2Output } from '@celeriac/contracts'
import type { OutputTensor } from './output-tensors.ts'

/** An answer as it is sent. With binary tensors the body is the JSON and, behind it, their bytes one after the other. */
export interface EncodedAnswer {
  readonly body: V2InferAnswer | Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** Puts an answer together: each output in binary where the request asks for that, else in JSON. */
export function encodeAnswer(
  answer: Omit<V2InferAnswer, 'outputs'>,
  tensors: readonly OutputTensor[],
  { parameters, outputs: requested }: Pick<V2InferBody, 'parameters' | 'outputs'>,
): EncodedAnswer {
  const binary: Buffer[] = []
  const outputs = tensors.map(({ values, ...tensor }): V2Output => {
    const own = requested?.find(({ name }) => name === tensor.name)?.parameters?.['binary_data']
    const isBinary = (own ?? parameters?.['binary_data_output']) === true
    const described = { ...tensor, shape: [...tensor.shape] }
    if (!isBinary) return { ...described, data: [...values] }
    const bytes = bytesOf(tensor.datatype, values)
    binary.push(bytes)
    return { ...described, parameters: { ...tensor.parameters, binary_data_size: bytes.length } }
  })
  const body: V2InferAnswer = { ...answer, outputs }
  if (binary.length === 0) return { body, headers: {} }
  const json = Buffer.from(JSON.stringify(body))
  return {
    body: Buffer.concat([json, ...binary]),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.length),
    },
  }
}

/** Little-endian. Outputs have these datatypes only. */
function bytesOf(datatype: OutputTensor['datatype'], values: readonly unknown[]): Buffer {
  if (datatype === 'BYTES')
    return Buffer.concat(
      values.flatMap((value) => {
        const text = Buffer.from(String(value))
        const length = Buffer.alloc(4)
        length.writeUInt32LE(text.length)
        return [length, text]
      }),
    )
  if (datatype === 'BOOL') return Buffer.from(values.map((value) => (value === true ? 1 : 0)))
  const bytes = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries())
    if (datatype === 'INT64') bytes.writeBigInt64LE(BigInt(Math.trunc(Number(value))), index * 8)
    else bytes.writeDoubleLE(value === null ? Number.NaN : Number(value), index * 8)
  return bytes
}
