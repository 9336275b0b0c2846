import { modelSignatureSchema } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { encodeAnswer } from '../../src/protocols/v2/encode-answer.ts'
import { outputTensors, outputTypesOf } from '../../src/protocols/v2/output-tensors.ts'

const signatureOf = (...outputs: [name: string, type: string][]) =>
  modelSignatureSchema.parse({ inputs: [], outputs: outputs.map(([name, type]) => ({ name, type })) })
const classifier = signatureOf(['predict_result', 'string'], ['predict_probability', 'number'])
const predictions = [
  { predict_result: 'no', predict_probability: 0.25, probabilities: { no: 0.75, yes: 0.25 } },
  { predict_result: 'yes', predict_probability: 0.5, probabilities: { no: 0.5, yes: 0.5 } },
]
const said = { model_name: 'm', model_version: '1' }

test('a classifier answers labels, the chance of the positive one, and all probabilities', () => {
  const deployment = { classes: ['no', 'yes'] }
  expect(outputTypesOf(classifier, deployment)).toEqual([
    { name: 'predict_result', datatype: 'BYTES', shape: [-1] },
    { name: 'predict_probability', datatype: 'FP64', shape: [-1] },
    { name: 'probabilities', datatype: 'FP64', shape: [-1, 2] },
  ])
  expect(outputTensors(predictions, { signature: classifier, deployment }, null)).toEqual([
    { name: 'predict_result', datatype: 'BYTES', shape: [2], values: ['no', 'yes'] },
    { name: 'predict_probability', datatype: 'FP64', shape: [2], values: [0.25, 0.5] },
    {
      name: 'probabilities',
      datatype: 'FP64',
      shape: [2, 2],
      values: [0.75, 0.25, 0.5, 0.5],
      parameters: { classes: '["no","yes"]' },
    },
  ])
})

test.each([
  ['as the deployment says', { classes: ['b', 'a'] }, { a: 0.9, b: 0.1 }, ['b', 'a']],
  ['as answered, where it says nothing', {}, { b: 0.1, a: 0.9 }, ['b', 'a']],
  ['by number, where keys are numbers', {}, { '1': 0.9, '-1': 0.1 }, ['-1', '1']],
  ['as answered, where it says something else', { classes: ['x'] }, { b: 0.1, a: 0.9 }, ['b', 'a']],
])('classes are in order %s', (_how, deployment, probabilities, classes) => {
  const [tensor] = outputTensors([{ probabilities }], { signature: classifier, deployment }, [
    { name: 'probabilities' },
  ])
  expect(tensor).toMatchObject({ parameters: { classes: JSON.stringify(classes) } })
  expect(tensor?.values).toEqual(classes.map((name) => (probabilities as Record<string, number>)[name]))
})

test('clusters are whole numbers, regressions are not', () => {
  const clusters = signatureOf(['predict_result', 'number'], ['cluster', 'number'])
  expect(outputTypesOf(clusters, {}).map(({ datatype }) => datatype)).toEqual(['FP64', 'INT64'])
  expect(
    outputTensors([{ predict_result: 2, cluster: 2 }], { signature: clusters, deployment: {} }, null),
  ).toMatchObject([{ datatype: 'FP64' }, { datatype: 'INT64', values: [2] }])
})

test('outputs are chosen by name, in the order of the request; unknown ones are all named', () => {
  const choose = (...names: string[]) =>
    outputTensors(
      predictions,
      { signature: classifier, deployment: {} },
      names.map((name) => ({ name })),
    ).map(({ name }) => name)
  expect(choose('probabilities', 'predict_result')).toEqual(['probabilities', 'predict_result'])
  expect(() => choose('label', 'score')).toThrow(
    expect.objectContaining({
      details: {
        problems: [
          expect.objectContaining({ path: 'outputs[0].name' }),
          expect.objectContaining({ path: 'outputs[1].name' }),
        ],
      },
    }),
  )
})

test('outputs are sent in binary one by one, or all', () => {
  const tensors = outputTensors(predictions, { signature: classifier, deployment: {} }, null)
  const mixed = encodeAnswer(said, tensors, {
    parameters: { binary_data_output: true },
    outputs: [{ name: 'predict_probability', parameters: { binary_data: false } }],
  })
  const bytes = Buffer.from(mixed.body as Uint8Array)
  const length = Number(mixed.headers['inference-header-content-length'])
  const { outputs } = JSON.parse(bytes.subarray(0, length).toString())
  expect(outputs).toMatchObject([
    { name: 'predict_result', parameters: { binary_data_size: 13 } },
    { name: 'predict_probability', data: [0.25, 0.5] },
    { name: 'probabilities', parameters: { binary_data_size: 32 } },
  ])
  const tail = bytes.subarray(length)
  expect(tail.length).toBe(45)
  expect(tail.subarray(0, 6).equals(Buffer.from([2, 0, 0, 0, 0x6e, 0x6f]))).toBe(true)
  expect([13, 21, 29, 37].map((at) => tail.readDoubleLE(at))).toEqual([0.75, 0.25, 0.5, 0.5])
  expect(encodeAnswer(said, tensors, {}).headers).toEqual({})
})

test('whole numbers and booleans have their own bytes', () => {
  const binaryOf = (datatype: 'INT64' | 'BOOL', values: unknown[]) => {
    const { body, headers } = encodeAnswer(said, [{ name: 'x', datatype, shape: [values.length], values }], {
      parameters: { binary_data_output: true },
    })
    return Buffer.from(body as Uint8Array).subarray(Number(headers['inference-header-content-length']))
  }
  expect(binaryOf('INT64', [-2]).readBigInt64LE()).toBe(-2n)
  expect([...binaryOf('BOOL', [true, false])]).toEqual([1, 0])
})

test('an output that is asked for twice is answered once', () => {
  const twice = [{ name: 'predict_result' }, { name: 'predict_result' }]
  const tensors = outputTensors(predictions, { signature: classifier, deployment: {} }, twice)
  expect(tensors.map(({ name }) => name)).toEqual(['predict_result'])
})
