import { datasetPageSchema, datasetSchema, type DatasetView } from '@celeriac/contracts/http'
import { Option } from 'commander'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { printJson, withJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { aboutFile, usageFault } from '../cli-fault.ts'
import { connect } from '../client/connect.ts'
import { creditDefaultCsv } from '../datasets/credit-default.ts'
import { provideCreditDefault } from '../datasets/provide-credit-default.ts'
import { uploadDataset, type UploadFlags } from '../datasets/upload-dataset.ts'
import type { Io } from '../io.ts'
import { localTime } from '../output/duration.ts'
import { renderTable } from '../output/table.ts'
import { wholeNumber } from './runs.ts'

interface GenerateFlags {
  readonly json?: boolean
  readonly rows: number
  readonly seed: number
  readonly out?: string
}

const collect = (value: string, values: readonly string[] = []): readonly string[] => [...values, value]

export const datasetCommands: AddCommands = (program, { io }) => {
  const datasets = program.command('datasets').description('upload, list and generate data sets')

  withServer(datasets.command('add'))
    .description('upload a CSV or Parquet file')
    .argument('<file>')
    .option(
      '--id <number>',
      'the id that documents name as data_id (default: the next free one)',
      wholeNumber,
    )
    .option('--name <name>', 'default: the name of the file')
    .option('--rename <old:new>', 'rename a column for all operators; repeat for more', collect)
    .addOption(new Option('--format <format>', 'default: by the file name').choices(['csv', 'parquet']))
    .option('--replace', 'take the place of the data set with this id; earlier runs keep theirs')
    .action(async (file: string, flags: UploadFlags & RemoteFlags) => {
      const dataset = await aboutFile(file, uploadDataset(await connect(flags), file, flags))
      if (flags.json === true) printJson(io, dataset)
      else io.out(datasetTable([dataset], io))
    })

  withServer(datasets.command('list'))
    .description('list data sets, newest first')
    .option('-n, --limit <count>', 'how many', wholeNumber, 50)
    .action(async (flags: RemoteFlags & { readonly limit: number }) => {
      const client = await connect(flags)
      const query = { limit: flags.limit }
      const page = await client.get('/api/v1/datasets', datasetPageSchema, { query })
      if (flags.json === true) printJson(io, page)
      else io.out(datasetTable(page.items, io) || 'no data sets; celeriac datasets add FILE uploads one')
    })

  withServer(datasets.command('show'))
    .description('show a data set and its columns')
    .argument('<id>', 'id of the data set', wholeNumber)
    .action(async (id: number, flags: RemoteFlags) => {
      const client = await connect(flags)
      const dataset = await client.get(`/api/v1/datasets/${id}`, datasetSchema)
      if (flags.json === true) printJson(io, dataset)
      else io.out(`${datasetTable([dataset], io)}\n\n${columnTable(dataset, io)}`)
    })

  withServer(datasets.command('provide'))
    .description(
      'upload the credit default data for the example DAG: the real file, else a synthetic stand-in',
    )
    .argument('<kind>', 'credit-default')
    .option('--file <file>', 'the real data, when it is there', 'UCI_Credit_Card.csv')
    .option('--id <number>', 'the id that documents name as data_id', wholeNumber, 40)
    .action(async (kind: string, flags: RemoteFlags & { readonly file: string; readonly id: number }) => {
      requireKind(kind)
      const dataset = await provideCreditDefault(await connect(flags), flags, io)
      if (flags.json === true) printJson(io, dataset)
      else io.out(datasetTable([dataset], io))
    })

  withJson(datasets.command('generate'))
    .description('write a synthetic table as CSV (to standard output unless --out)')
    .argument('<kind>', 'credit-default: same columns and shape as the UCI credit card data; not real data')
    .option('--rows <count>', 'number of rows', wholeNumber, 30_000)
    .option('--seed <number>', 'the same seed gives the same table', wholeNumber, 1)
    .option('-o, --out <file>', 'file to write')
    .action(async (kind: string, flags: GenerateFlags) => {
      requireKind(kind)
      if (flags.json === true && flags.out === undefined)
        throw usageFault('--json needs --out: without it, standard output is the table')
      await generate(flags, io)
    })
}

function requireKind(kind: string): void {
  if (kind !== 'credit-default') throw usageFault(`unknown kind ${kind}; credit-default is the one there is`)
}

async function generate({ rows, seed, out, json }: GenerateFlags, io: Io): Promise<void> {
  io.err(`synthetic data: ${rows} made-up rows in the shape of the credit card default data, seed ${seed}`)
  const lines = Readable.from(creditDefaultCsv({ rows, seed }))
  if (out !== undefined) {
    await pipeline(lines, createWriteStream(out))
    if (json === true) printJson(io, { file: out, kind: 'credit-default', rows, seed })
    return
  }
  for await (const text of lines as AsyncIterable<string>)
    if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

const datasetTable = (datasets: readonly DatasetView[], io: Io): string =>
  renderTable<DatasetView>(
    [
      { title: 'id', align: 'right', value: (dataset) => String(dataset.id) },
      { title: 'name', value: (dataset) => dataset.name, shrinksTo: 8 },
      { title: 'format', value: (dataset) => dataset.format },
      { title: 'rows', align: 'right', value: (dataset) => String(dataset.rows ?? '') },
      { title: 'columns', align: 'right', value: (dataset) => String(dataset.columns.length || '') },
      { title: 'size', align: 'right', value: (dataset) => sizeText(dataset.bytes) },
      { title: 'added', value: (dataset) => localTime(dataset.created_at), shrinksTo: 10 },
    ],
    datasets,
    io,
  )

const columnTable = (dataset: DatasetView, io: Io): string =>
  renderTable<DatasetView['columns'][number]>(
    [
      { title: 'column', value: (column) => column.name, shrinksTo: 10 },
      { title: 'type', value: (column) => column.type },
      {
        title: 'missing',
        align: 'right',
        value: (column) => (column.nulls === null ? '' : String(column.nulls)),
      },
    ],
    dataset.columns,
    io,
  )

function sizeText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  const power = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1_024 ** power).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power] ?? ''}`
}
