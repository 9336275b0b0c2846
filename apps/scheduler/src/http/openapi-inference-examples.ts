/** Examples of the inference protocols' schemas. */

const input = { name: 'mean_radius', shape: [2], datatype: 'FP64', data: [11.42, 20.57] }
const noTime = { count: 0, ns: 0 }

export const inferenceExamples: Readonly<Record<string, unknown>> = {
  InferenceInput: input,
  InferenceRequest: {
    id: 'row-17',
    parameters: { timeout: 250_000 },
    inputs: [input, { name: 'mean_texture', shape: [2], datatype: 'FP64', data: [20.38, 17.77] }],
    outputs: [{ name: 'predict_result' }],
  },
  InferenceAnswer: {
    model_name: 'breast-cancer',
    model_version: '2',
    id: 'row-17',
    parameters: { route: 'primary' },
    outputs: [{ name: 'predict_result', datatype: 'BYTES', shape: [2], data: ['malignant', 'benign'] }],
  },
  InferenceServer: {
    name: 'celeriac',
    version: '0.1.0',
    extensions: ['binary_tensor_data', 'model_repository'],
  },
  InferenceServerLive: { live: true },
  InferenceServerReady: { ready: true },
  InferenceModelReady: { name: 'breast-cancer', ready: true },
  InferenceModel: {
    name: 'breast-cancer',
    versions: ['1', '2'],
    platform: 'celeriac_native',
    inputs: [{ name: 'mean_radius', datatype: 'FP64', shape: [-1] }],
    outputs: [
      { name: 'predict_result', datatype: 'BYTES', shape: [-1] },
      { name: 'predict_probability', datatype: 'FP64', shape: [-1] },
      { name: 'probabilities', datatype: 'FP64', shape: [-1, 2] },
    ],
  },
  InferenceIndexBody: { ready: true },
  InferenceIndex: [{ name: 'breast-cancer', version: '2', state: 'READY', reason: '' }],
  InferenceRepositoryBody: { parameters: { unload_dependents: false } },
  InferenceRepositoryAnswer: {},
  InferenceStatistics: {
    model_stats: [
      {
        name: 'breast-cancer',
        version: '2',
        last_inference: 1_795_229_400_000,
        inference_count: 2,
        execution_count: 1,
        inference_stats: {
          success: { count: 1, ns: 1_204_000 },
          fail: noTime,
          queue: { count: 1, ns: 310_000 },
          compute_input: noTime,
          compute_infer: { count: 1, ns: 42_000 },
          compute_output: noTime,
          cache_hit: noTime,
          cache_miss: noTime,
        },
        batch_stats: [],
      },
    ],
  },
  InferenceError: {
    error:
      'the tensors cannot be read: inputs[0].datatype: FP16 has no portable form in JSON and is not taken; send FP32',
  },
  InvocationBody: { dataframe_split: { columns: ['mean_radius', 'mean_texture'], data: [[11.42, 20.38]] } },
  InvocationAnswer: { predictions: ['malignant'] },
  InvocationError: {
    error_code: 'INVALID_PARAMETER_VALUE',
    message: 'the rows do not fit the model: rows[0].mean_radius: number expected, got "x"',
  },
}
