/**
 * The demo: the whole platform in this process, one DAG on real data, two models compared, deployed, and asked about a
 * tumour that they have not seen. Every step goes through the HTTP interface, as a user's would.
 */
import {
  outputSchema,
  predictionSchema,
  submittedRunSchema,
  type OutputView,
  type RunView,
} from '@celeriac/contracts'
import { pythonCommand } from '@celeriac/worker'
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { printJson, type Cli } from '../cli.ts'
import { CliFault } from '../cli-fault.ts'
import { ApiClient } from '../client/api-client.ts'
import { cellText } from '../commands/models.ts'
import { findDataset } from '../datasets/provide-credit-default.ts'
import { uploadDataset } from '../datasets/upload-dataset.ts'
import type { Io } from '../io.ts'
import { durationText } from '../output/duration.ts'
import { metricsTable } from '../output/metrics-table.ts'
import { failureLines, runHeadline } from '../output/run-table.ts'
import { renderTable } from '../output/table.ts'
import { startPlatform } from '../services/platform.ts'
import { processLogger } from '../services/process-logger.ts'
import type { StandaloneConfig } from '../services/standalone-config.ts'
import { watchRun } from '../watch/watch-run.ts'
import { breastCancerDatasetId, exportBreastCancer } from './breast-cancer.ts'

/** Beside the packages, in the repository and in the image. */
const documentFile = resolve(import.meta.dirname, '../../../../examples/demo.yaml')
const models = ['breast-cancer-logistic-regression', 'breast-cancer-gbdt'] as const
const target = 'diagnosis'

/** Ends with `runFailed` when the run does not succeed. With `json` the narrative goes to standard error. */
export async function runDemo(
  config: StandaloneConfig,
  { io: output, ...cli }: Cli,
  options: { readonly json: boolean },
): Promise<void> {
  const io: Io = options.json ? { ...output, out: (line) => output.err(line) } : output
  const beganAt = Date.now()
  await mkdir(config.dataDir, { recursive: true })
  const data = join(config.dataDir, 'breast-cancer.csv')
  io.out(
    io.paint('dim', `starting scheduler, worker, database and broker in one process (${config.dataDir}) …`),
  )
  const [platform] = await Promise.all([
    startPlatform(config, processLogger('demo', config.logLevel)),
    pythonCommand(config).then((python) => exportBreastCancer(data, python)),
  ])
  try {
    io.out(`ready at ${platform.url} after ${durationText(Date.now() - beganAt)}`)
    const client = new ApiClient({ server: platform.url, token: platform.token.token })
    await provideDataset(client, data, io)
    const run = await runDocument(client, { ...cli, io })
    if (run.state !== 'succeeded') {
      cli.end('runFailed')
      if (options.json) printJson(output, { run, predictions: [] })
      return
    }
    io.out(`\n${io.paint('bold', 'Evaluation on the held-out fifth')}\n${metricsTable(run, io)}`)
    const predictions = await predictHeldOutRow(client, run)
    if (options.json) printJson(output, { run, predictions: predictions.answers })
    io.out(predictionText(predictions, io))
  } finally {
    await platform.stop()
  }
  io.out(io.paint('dim', `\ndone in ${durationText(Date.now() - beganAt)}`))
  io.out('next: celeriac standalone, then celeriac run examples/demo.yaml --watch')
}

async function provideDataset(client: ApiClient, file: string, io: Io): Promise<void> {
  const present = await findDataset(client, breastCancerDatasetId)
  const dataset =
    present ?? (await uploadDataset(client, file, { id: breastCancerDatasetId, name: 'breast-cancer' }))
  io.out(
    `data set ${dataset.id} "${dataset.name}": ${dataset.rows ?? '?'} rows, ${dataset.columns.length} columns`,
  )
}

async function runDocument(client: ApiClient, { io, signal }: Cli): Promise<RunView> {
  const submitted = await client.post('/api/v1/runs', submittedRunSchema, {
    content: { type: 'application/yaml', data: await readFile(documentFile, 'utf8') },
  })
  io.out(`run ${submitted.id}: ${submitted.operator_count} operators\n`)
  // Lines rather than a screen: what was printed stays to be read.
  const run = await watchRun(client, submitted.id, io, { mode: 'lines', signal: signal() })
  io.out(`\n${runHeadline(run, Date.now(), io)}`)
  for (const line of failureLines(run, io)) io.out(line)
  return run
}

interface HeldOutAnswer {
  readonly model: string
  readonly version: number
  readonly prediction: unknown
  readonly probability: number | null
  readonly truth: unknown
  readonly took_ms: number
}

interface HeldOutPredictions {
  readonly row: Readonly<Record<string, unknown>>
  readonly answers: readonly HeldOutAnswer[]
}

/** Takes the first row of the test half as it was read, unscaled: a deployed model brings its own preparation along. */
async function predictHeldOutRow(client: ApiClient, run: RunView): Promise<HeldOutPredictions> {
  const output = await client.get(`/api/v1/runs/${run.id}/operators/split/outputs/1`, outputSchema)
  const { [target]: truth, ...row } = firstRow(output)
  const answers = await Promise.all(
    models.map(async (name): Promise<HeldOutAnswer> => {
      const beganAt = performance.now()
      const { model, predictions } = await client.post(`/api/v1/models/${name}/predict`, predictionSchema, {
        body: { rows: [row] },
        headers: { 'x-request-timeout': '30' },
        timeoutMs: 40_000,
      })
      const { predict_result: prediction, predict_probability: probability } = predictions[0] ?? {}
      return {
        model: model.name,
        version: model.version,
        prediction,
        probability: typeof probability === 'number' ? probability : null,
        truth,
        took_ms: performance.now() - beganAt,
      }
    }),
  )
  return { row, answers }
}

function predictionText({ row, answers }: HeldOutPredictions, io: Io): string {
  const table = renderTable<HeldOutAnswer>(
    [
      { title: 'model', value: ({ model, version }) => `${model} v${version}`, shrinksTo: 16 },
      { title: 'prediction', value: ({ prediction }) => cellText(prediction) },
      {
        title: 'P(malignant)',
        align: 'right',
        value: ({ probability }) => (probability === null ? '' : probability.toFixed(6)),
      },
      { title: 'truth', value: ({ truth }) => String(truth) },
      { title: 'took', align: 'right', value: ({ took_ms: tookMs }) => `${tookMs.toFixed(1)} ms` },
    ],
    answers,
    io,
  )
  const facts = Object.entries(row)
    .slice(0, 4)
    .map(([name, value]) => `${name} ${String(value)}`)
  const title = io.paint('bold', 'Prediction for a row that no model has seen')
  return `\n${title} (${facts.join(', ')}, …)\n${table}`
}

function firstRow({ preview }: OutputView): Record<string, unknown> {
  const row = preview?.rows[0]
  if (preview === null || row === undefined) throw new CliFault('internal', 'the test rows have no preview')
  return Object.fromEntries(preview.columns.map((name, index) => [name, row[index]]))
}
