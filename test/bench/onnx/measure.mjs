// The native scorers beside ONNX Runtime, each in a process of its own: `node measure.mjs DIRECTORY`, where make_models.py has
// written. One JSON line per model and runtime.
import { checkRows } from '@celeriac/contracts'
import { loadDeployment } from '@celeriac/executors'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const [root = '', model, runtime] = process.argv.slice(2)
const width = 23
const runtimes = ['native', 'onnx float', 'onnx double']
if (model === undefined) {
  for (const each of readdirSync(root).filter((name) => statSync(path.join(root, name)).isDirectory()))
    for (const with_ of runtimes)
      execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), root, each, with_], {
        stdio: 'inherit',
      })
} else {
  await measure(path.join(root, model), runtime)
}

async function measure(place, name) {
  const rows = doublesOf(path.join(root, 'rows.f8'))
  const expected = doublesOf(path.join(place, 'expected.f8'))
  const before = memory()
  const started = performance.now()
  let loaded
  try {
    loaded = name === 'native' ? await native(place) : await onnx(place, name.split(' ')[1])
  } catch (error) {
    print({ model: path.basename(place), runtime: name, error: error.message })
    return
  }
  const { prepare, score } = loaded
  const loadMs = performance.now() - started
  await score(prepare(rows.subarray(0, width)))
  const memoryMib = round3((memory() - before) / 2 ** 20)
  let difference = 0
  let rowsApart = 0
  for (let start = 0; start < expected.length; start += 500) {
    const chances = await score(prepare(rows.subarray(start * width, (start + 500) * width)))
    for (let index = 0; index < chances.length; index++) {
      const apart = Math.abs(chances[index] - expected[start + index])
      difference = Math.max(difference, apart)
      if (apart > 1e-6) rowsApart += 1
    }
  }
  const perRow = {}
  for (const [size, calls] of [
    [1, 6_000],
    [256, 300],
  ]) {
    const inputs = Array.from({ length: calls }, (_, call) => {
      const start = (call * size) % (expected.length - size)
      return prepare(rows.subarray(start * width, (start + size) * width))
    })
    for (const input of inputs) await score(input)
    const spent = []
    for (let round = 0; round < 7; round++) {
      const from = performance.now()
      for (const input of inputs) await score(input)
      spent.push(((performance.now() - from) * 1_000) / (calls * size))
    }
    perRow[`us_per_row_${size}`] = round3(Math.min(...spent))
  }
  print({
    model: path.basename(place),
    runtime: name,
    ...perRow,
    load_ms: round3(loadMs),
    memory_mib: memoryMib,
    max_difference: difference,
    rows_over_1e_6: rowsApart,
    node: process.version,
    cpu: cpus()[0]?.model,
  })
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

async function native(place) {
  const { scorer, signature } = await loadDeployment(pathToFileURL(path.join(place, '1', '0')).href)
  return {
    prepare: (values) => {
      const lists = Array.from({ length: values.length / width }, (_, row) => [
        ...values.subarray(row * width, (row + 1) * width),
      ])
      return checkRows(signature, lists, null).rows
    },
    // Whole answers, as they are sent: labels, and probabilities by label.
    score: (input) => scorer.score(input).map((answer) => answer.predict_probability),
  }
}

async function onnx(place, kind) {
  const runtimeOf = await import('onnxruntime-node')
  const { InferenceSession, Tensor } = runtimeOf.default ?? runtimeOf
  const session = await InferenceSession.create(path.join(place, `${kind}.onnx`), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const output = session.outputNames.find((name) => name.includes('prob'))
  return {
    prepare: (values) => {
      const data = kind === 'float' ? Float32Array.from(values) : Float64Array.from(values)
      return new Tensor(kind === 'float' ? 'float32' : 'float64', data, [values.length / width, width])
    },
    score: async (x) => {
      const { data } = (await session.run({ x }, [output]))[output]
      return Array.from({ length: data.length / 2 }, (_, row) => data[row * 2 + 1])
    },
  }
}

function doublesOf(file) {
  const bytes = readFileSync(file)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

function memory() {
  globalThis.gc?.()
  return process.memoryUsage().rss
}

function round3(value) {
  return Math.round(value * 1_000) / 1_000
}
