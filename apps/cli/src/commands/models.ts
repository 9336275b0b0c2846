import { modelPageSchema, predictionSchema } from '@celeriac/contracts/http'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { usageFault } from '../cli-fault.ts'
import { connect } from '../client/connect.ts'
import type { Io } from '../io.ts'
import { modelTable } from '../output/model-tables.ts'
import { renderTable } from '../output/table.ts'
import { addRegistryCommands } from './model-registry.ts'
import { readInput } from './read-input.ts'
import { wholeNumber } from './runs.ts'

interface PredictFlags extends RemoteFlags {
  readonly row: readonly string[]
  readonly version?: number
  readonly alias?: string
  readonly timeout?: string
}

export const modelCommands: AddCommands = (program, cli) => {
  const { io } = cli
  const models = withServer(program.command('models'))
    .description('list model versions, newest first; the commands below do more')
    .option('--name <name>', 'only this model')
    .option('-n, --limit <count>', 'how many', wholeNumber, 20)
    .action(async (flags: RemoteFlags & { readonly name?: string; readonly limit: number }) => {
      const client = await connect(flags)
      const query = { name: flags.name, limit: flags.limit }
      const page = await client.get('/api/v1/models', modelPageSchema, { query })
      if (flags.json === true) printJson(io, page)
      else io.out(modelTable(page.items, io) || 'no models; an algo_local_model_deploy operator makes one')
    })
  addRegistryCommands(models, cli)

  withServer(program.command('predict'))
    .description('score rows with a deployed model')
    .argument('<name>', 'name of the model')
    .requiredOption(
      '--row <json>',
      'a row as a JSON object; repeat for more; - reads a list from stdin',
      collect,
    )
    .option('--version <number>', 'version of the model (default: the newest)', wholeNumber)
    .option('--alias <alias>', 'alias of the version, such as champion')
    .option('--timeout <seconds>', 'give up after this time')
    .action(async (name: string, flags: PredictFlags) => {
      const rows = await rowsOf(flags.row)
      const client = await connect(flags)
      const answer = await client.post(
        `/api/v1/models/${encodeURIComponent(name)}/predict`,
        predictionSchema,
        {
          query: { version: flags.version, alias: flags.alias },
          headers: flags.timeout === undefined ? {} : { 'x-request-timeout': flags.timeout },
          body: { rows },
          timeoutMs: 70_000,
        },
      )
      if (flags.json === true) printJson(io, answer)
      else io.out(predictionTable(answer.predictions, io))
    })
}

const collect = (value: string, values: readonly string[] = []): readonly string[] => [...values, value]

async function rowsOf(texts: readonly string[]): Promise<unknown[]> {
  const values = await Promise.all(
    texts.map(async (text) => parseRow(text === '-' ? await readInput('-') : text)),
  )
  return values.flat()
}

function parseRow(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw usageFault(`--row is not JSON: ${text.slice(0, 100)}`)
  }
}

/** One line per row: the answer, its probability, and the probability of each class. */
export function predictionTable(predictions: readonly Readonly<Record<string, unknown>>[], io: Io): string {
  const keys = [...new Set(predictions.flatMap((prediction) => Object.keys(prediction)))]
  return renderTable<Readonly<Record<string, unknown>>>(
    keys.map((key) => ({ title: key, value: (prediction) => cellText(prediction[key]), shrinksTo: 8 })),
    predictions,
    io,
  )
}

/** A value of an answer, for people. */
export function cellText(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(6)
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, inner]) => `${key}: ${cellText(inner)}`)
      .join(', ')
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
