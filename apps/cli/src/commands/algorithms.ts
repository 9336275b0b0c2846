import type { AlgorithmManifest, ParamSpec } from '@celeriac/contracts'
import { serviceSettings } from '@celeriac/runtime/config'
import { printJson, withJson, type AddCommands } from '../cli.ts'
import { readSettings } from '../config.ts'
import { CliFault } from '../cli-fault.ts'
import { installedAlgorithms } from '../installed-algorithms.ts'
import type { Io } from '../io.ts'
import { renderTable } from '../output/table.ts'
import { withSettings } from '../setting-options.ts'

const algorithmsConfigSchema = { algorithmsDir: serviceSettings.algorithmsDir } as const

interface ListFlags {
  readonly all?: boolean
  readonly json?: boolean
}

/** Works without a server, from the manifests of this machine. */
export const algorithmCommands: AddCommands = (program, { io }) => {
  withSettings(withJson(program.command('algorithms')), algorithmsConfigSchema)
    .description('list the algorithms, or describe one (offline)')
    .argument('[name]', 'algo_name')
    .option('--all', 'also those that are meant for tests')
    .action(async (name: string | undefined, flags: ListFlags) => {
      const { config } = await readSettings(algorithmsConfigSchema, { ...flags })
      const catalog = await installedAlgorithms(config.algorithmsDir)
      if (name === undefined) {
        const shown = catalog.all().filter((manifest) => flags.all === true || !manifest.hidden)
        if (flags.json === true) printJson(io, { items: shown })
        else io.out(listTable(shown, io))
        return
      }
      const manifest = catalog.get(name)
      if (manifest === undefined)
        throw new CliFault('notFound', `there is no algorithm ${name}`, {
          hint: 'celeriac algorithms lists them',
        })
      if (flags.json === true) printJson(io, manifest)
      else for (const line of descriptionLines(manifest, io)) io.out(line)
    })
}

const listTable = (manifests: readonly AlgorithmManifest[], io: Io): string =>
  renderTable<AlgorithmManifest>(
    [
      { title: 'algorithm', value: (manifest) => manifest.algo_name },
      { title: 'name', value: (manifest) => manifest.en_name, shrinksTo: 8 },
      { title: '名称', value: (manifest) => manifest.cn_name, shrinksTo: 8 },
      { title: 'category', value: (manifest) => manifest.category },
      { title: 'inputs', value: (manifest) => inputsOf(manifest), shrinksTo: 6 },
      { title: 'outputs', value: (manifest) => outputsOf(manifest), shrinksTo: 6 },
    ],
    manifests,
    io,
  )

const inputsOf = (manifest: AlgorithmManifest): string =>
  manifest.inputs.map((port) => `${port.type.join('|')}${port.required ? '' : '?'}`).join(', ')
const outputsOf = (manifest: AlgorithmManifest): string =>
  manifest.outputs.map((port) => port.type).join(', ')

function descriptionLines(manifest: AlgorithmManifest, io: Io): string[] {
  const required = new Set((manifest.params['required'] as readonly string[] | undefined) ?? [])
  const params = Object.entries(manifest.params.properties)
  const ports = [
    ...manifest.inputs.map(
      (port) =>
        `  in  ${port.index}  ${port.name}: ${port.type.join(' or ')}${port.required ? '' : ' (optional)'}`,
    ),
    ...manifest.outputs.map((port) => `  out ${port.index}  ${port.name}: ${port.type}`),
  ]
  return [
    `${io.paint('bold', manifest.algo_name)}  ${manifest.en_name}  ${manifest.cn_name}`,
    manifest.description,
    manifest.cn_description,
    '',
    ...ports,
    '',
    renderTable<(typeof params)[number]>(
      [
        { title: 'parameter', value: ([name]) => name },
        { title: 'type', value: ([, spec]) => [spec.type].flat().join('|'), shrinksTo: 6 },
        {
          title: 'default',
          value: ([name, spec]) =>
            required.has(name) ? 'required' : JSON.stringify(spec['default'] ?? null),
          shrinksTo: 8,
        },
        { title: 'description', value: ([, spec]) => descriptionOf(spec), shrinksTo: 20 },
      ],
      params,
      io,
    ),
  ]
}

const descriptionOf = (spec: ParamSpec): string =>
  Array.isArray(spec['enum'])
    ? `${spec.description} One of ${spec['enum'].map((value) => JSON.stringify(value)).join(', ')}.`
    : spec.description
