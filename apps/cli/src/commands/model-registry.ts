import {
  modelChangePageSchema,
  modelDriftSchema,
  modelRouteSchema,
  modelSchema,
  modelStateAnswerSchema,
  type ModelStateView,
} from '@celeriac/contracts/http'
import { Option, type Command } from 'commander'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { printJson, withServer, type Cli, type RemoteFlags } from '../cli.ts'
import { usageFault } from '../cli-fault.ts'
import type { ApiClient } from '../client/api-client.ts'
import { connect } from '../client/connect.ts'
import { driftLines } from '../output/drift-lines.ts'
import { changeTable, modelLines, stateLines } from '../output/model-tables.ts'
import { withPage, type PageFlags } from './page-options.ts'
import { wholeNumber } from './runs.ts'

interface VersionFlags extends RemoteFlags {
  readonly version?: number
  readonly alias?: string
}

interface TrafficFlags extends RemoteFlags {
  readonly canary?: Share
  readonly shadow?: Share
  readonly none?: boolean
}

interface Share {
  readonly version?: number
  readonly alias?: string
  readonly percent: number
}

const pathOf = (name: string, rest = ''): string => `/api/v1/models/${encodeURIComponent(name)}${rest}`
const versionPath = (name: string, version: number, rest = ''): string =>
  pathOf(name, `/versions/${version}${rest}`)
const nameArgument = ['<name>', 'name of the model'] as const
const versionArgument = ['<version>', 'version number', wholeNumber] as const

const withVersion = (command: Command, otherwise: string): Command =>
  command
    .addOption(
      new Option('--version <number>', `version of the model (default: ${otherwise})`)
        .argParser(wholeNumber)
        .conflicts('alias'),
    )
    .option('--alias <alias>', 'alias of the version, such as champion')

/** What one can do with registered models, below `models`. */
export function addRegistryCommands(models: Command, cli: Cli): void {
  const { io } = cli
  const printState = (state: ModelStateView, flags: RemoteFlags): void => {
    if (flags.json === true) printJson(io, state)
    else for (const line of stateLines(state)) io.out(line)
  }

  withVersion(withServer(models.command('show')), 'the newest')
    .description('show a version: where it comes from, its metrics, how it is served')
    .argument(...nameArgument)
    .action(async (name: string, { version, alias, ...flags }: VersionFlags) => {
      const model = await (await connect(flags)).get(pathOf(name), modelSchema, { query: { version, alias } })
      if (flags.json === true) printJson(io, model)
      else for (const line of modelLines(model)) io.out(line)
    })

  withVersion(withServer(models.command('promote')), 'the candidate')
    .description('make a version the champion: from now on it serves')
    .argument(...nameArgument)
    .action(async (name: string, { version, alias, ...flags }: VersionFlags) => {
      const client = await connect(flags)
      const body = { version, alias }
      printState(await client.post(pathOf(name, '/promote'), modelStateAnswerSchema, { body }), flags)
    })

  withServer(models.command('rollback'))
    .description('make the champion before champion again; done again, the one before that')
    .argument(...nameArgument)
    .action(async (name: string, flags: RemoteFlags) => {
      printState(await (await connect(flags)).post(pathOf(name, '/rollback'), modelStateAnswerSchema), flags)
    })

  const aliases = models.command('alias').description('names of versions')
  withServer(aliases.command('set'))
    .description('point an alias at a version')
    .argument(...nameArgument)
    .argument('<alias>', 'the alias; not a number')
    .argument(...versionArgument)
    .action(async (name: string, alias: string, version: number, flags: RemoteFlags) => {
      const path = pathOf(name, `/aliases/${encodeURIComponent(alias)}`)
      const client = await connect(flags)
      printState(await client.put(path, modelStateAnswerSchema, { body: { version } }), flags)
    })
  withServer(aliases.command('remove'))
    .description('remove an alias; its version stays')
    .argument(...nameArgument)
    .argument('<alias>', 'the alias')
    .action(async (name: string, alias: string, flags: RemoteFlags) => {
      const path = pathOf(name, `/aliases/${encodeURIComponent(alias)}`)
      printState(await (await connect(flags)).delete(path, modelStateAnswerSchema), flags)
    })

  withServer(models.command('traffic'))
    .description('show who answers requests that name no version; with options, set it')
    .argument(...nameArgument)
    .option('--canary <version:percent>', 'answers this share; what is not given ends', share)
    .option('--shadow <version:percent>', 'is asked as well, and compared; what is not given ends', share)
    .addOption(new Option('--none', 'end canary and shadow').conflicts(['canary', 'shadow']))
    .action(async (name: string, { canary, shadow, none, ...flags }: TrafficFlags) => {
      const client = await connect(flags)
      if (canary !== undefined || shadow !== undefined || none === true)
        await client.put(pathOf(name, '/traffic'), modelStateAnswerSchema, {
          body: { canary: canary ?? null, shadow: shadow ?? null },
        })
      printState(await client.get(pathOf(name, '/route'), modelRouteSchema), flags)
    })

  for (const [verb, description] of [
    ['archive', 'archive a version: it is kept, but neither served nor given an alias'],
    ['restore', 'restore an archived version'],
  ] as const)
    withServer(models.command(verb))
      .description(description)
      .argument(...nameArgument)
      .argument(...versionArgument)
      .action(async (name: string, version: number, flags: RemoteFlags) => {
        const model = await (await connect(flags)).post(versionPath(name, version, `/${verb}`), modelSchema)
        if (flags.json === true) printJson(io, model)
        else io.out(`${verb}d ${model.name}, version ${model.version}`)
      })

  withServer(models.command('delete'))
    .description('delete an archived version for good')
    .argument(...nameArgument)
    .argument(...versionArgument)
    .action(async (name: string, version: number, flags: RemoteFlags) => {
      const model = await (await connect(flags)).delete(versionPath(name, version), modelSchema)
      if (flags.json === true) printJson(io, model)
      else io.out(`deleted ${model.name}, version ${model.version}`)
    })

  withVersion(withServer(models.command('download')), 'the newest')
    .description('download the files of a version as a compressed tar archive')
    .argument(...nameArgument)
    .option('-o, --out <file>', 'where to write it (default: <name>-<version>.tar.gz)')
    .action(
      async (name: string, { version, alias, out, ...flags }: VersionFlags & { readonly out?: string }) => {
        const client = await connect(flags)
        const model = await client.get(pathOf(name), modelSchema, { query: { version, alias } })
        const file =
          out ??
          `${model.name.replaceAll(/[^\p{L}\p{N}._-]/gu, '_').replace(/^\.+/, '_')}-${model.version}.tar.gz`
        const bytes = await writeWhole(file, client.download(versionPath(name, model.version, '/download')))
        if (flags.json === true) printJson(io, { file, bytes, name: model.name, version: model.version })
        else io.out(`wrote ${file} (${bytes} bytes)`)
      },
    )

  withPage(withServer(models.command('changes')))
    .description('list what happened to a model, newest first')
    .argument(...nameArgument)
    .action(async (name: string, flags: PageFlags) => {
      const { limit, cursor } = flags
      const client = await connect(flags)
      const page = await client.get(pathOf(name, '/changes'), modelChangePageSchema, {
        query: { limit, cursor },
      })
      if (flags.json === true) printJson(io, page)
      else io.out(changeTable(page.items, io) || 'no changes')
    })

  withVersion(withServer(models.command('drift')), 'the one that serves')
    .description('compare the scores of the last 24 hours with those of the training')
    .argument(...nameArgument)
    .action(async (name: string, { version, alias, ...flags }: VersionFlags) => {
      const client = await connect(flags)
      const wanted = version ?? (await numberOf(client, name, alias))
      const drift = await client.get(versionPath(name, wanted, '/drift'), modelDriftSchema)
      if (flags.json === true) printJson(io, drift)
      else for (const line of driftLines(drift, io)) io.out(line)
    })
}

/** Of the version that the alias names; without one, of the version that serves, else the newest. */
async function numberOf(client: ApiClient, name: string, alias: string | undefined): Promise<number> {
  if (alias !== undefined) return (await client.get(pathOf(name), modelSchema, { query: { alias } })).version
  const { primary, latest_version: latest } = await client.get(pathOf(name, '/route'), modelRouteSchema)
  return primary?.version ?? latest
}

/** `2:10`, `candidate:12.5`. Throws a usage fault. */
function share(text: string): Share {
  const [, name = '', percent = ''] = /^(.+):(\d+(?:\.\d+)?)$/.exec(text) ?? []
  if (name === '' || Number(percent) > 100)
    throw usageFault(
      `a version or an alias and a percentage are expected, such as 2:10; not ${text.slice(0, 100)}`,
    )
  return {
    ...(/^\d+$/.test(name) ? { version: Number(name) } : { alias: name }),
    percent: Number(percent),
  }
}

/** The file is there when it is whole. Gives its size in bytes. */
export async function writeWhole(file: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const partial = `${file}.partial`
  try {
    const stream = createWriteStream(partial)
    await pipeline(chunks, stream)
    await rename(partial, file)
    return stream.bytesWritten
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}
