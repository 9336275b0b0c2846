import type { ModelChangeView, ModelRouteView, ModelStateView, ModelView } from '@celeriac/contracts'
import type { Io } from '../io.ts'
import { localTime } from './duration.ts'
import { renderTable } from './table.ts'

/** `native`, `python`; '' when that was not found out. */
const runtimeOf = ({ serving }: ModelView): string => textOf(serving?.['runtime'])

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

/** '' when there are none. */
export const modelTable = (models: readonly ModelView[], io: Io): string =>
  renderTable<ModelView>(
    [
      { title: 'model', value: (model) => model.name, shrinksTo: 20 },
      { title: 'version', align: 'right', value: (model) => String(model.version) },
      {
        title: 'aliases',
        value: ({ aliases, archived_at }) => (archived_at === null ? aliases.join(', ') : '(archived)'),
        shrinksTo: 8,
      },
      { title: 'served by', value: runtimeOf },
      { title: 'run', value: (model) => model.run_id },
      { title: 'by', value: (model) => model.created_by ?? '', shrinksTo: 6 },
      { title: 'deployed', value: (model) => localTime(model.created_at), shrinksTo: 10 },
    ],
    models,
    io,
  )

/** One line per fact; what is not known is left out. */
export function modelLines(model: ModelView): readonly string[] {
  const { deployment } = model
  const facts: readonly (readonly [string, string])[] = [
    ['model', `${model.name}, version ${model.version}`],
    ['aliases', model.aliases.join(', ') || 'none'],
    ['archived', model.archived_at === null ? '' : localTime(model.archived_at)],
    [
      'deployed',
      `${localTime(model.created_at)}${model.created_by === null ? '' : ` by ${model.created_by}`}`,
    ],
    ['by', `operator ${model.operator_id} of run ${model.run_id}, attempt ${model.attempt}`],
    ['algorithm', textOf(deployment['algorithm'])],
    ['parameters', pairs(deployment['params'])],
    ['metrics', pairs(model.metrics)],
    ['data', textOf(deployment['data_hash'])],
    ['libraries', pairs(deployment['library_versions'])],
    ['inputs', inputsOf(model.signature)],
    ['served by', servingText(model)],
    ['files', model.uri],
  ]
  return facts.filter(([, value]) => value !== '').map(([title, value]) => `${title.padEnd(10)}  ${value}`)
}

function servingText(model: ModelView): string {
  const { serving } = model
  const difference = serving?.['max_difference']
  const checked =
    typeof difference === 'number'
      ? `, ${difference === 0 ? 'no difference' : `differs by at most ${difference.toExponential(1)}`} on ${textOf(serving?.['rows'])} rows`
      : ''
  const reason = textOf(serving?.['reason'])
  return `${runtimeOf(model)}${checked}${reason === '' ? '' : `: ${reason}`}`
}

/** A model may have hundreds: --json has them all. */
const mostInputs = 6

function inputsOf(signature: unknown): string {
  const inputs = (signature as { readonly inputs?: unknown } | null)?.inputs
  if (!Array.isArray(inputs)) return ''
  const shown = inputs
    .slice(0, mostInputs)
    .map((input: Readonly<Record<string, unknown>>) => `${textOf(input['name'])} (${textOf(input['type'])})`)
  return [...shown, ...(inputs.length > mostInputs ? [`${inputs.length - mostInputs} more`] : [])].join(', ')
}

function pairs(value: unknown): string {
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .filter(([, inner]) => inner !== null)
    .map(([key, inner]) => `${key} ${valueText(inner)}`)
    .join(', ')
}

/** Numbers to six digits. */
function valueText(value: unknown): string {
  if (typeof value === 'number') return String(Number(value.toPrecision(6)))
  return typeof value === 'string' ? value : JSON.stringify(value)
}

type Share = ModelStateView['canary']
const shareText = (share: Share): string =>
  share === null ? 'none' : `version ${share.version}, ${share.percent} %`

/** One line per fact. */
export const stateLines = (state: ModelStateView | ModelRouteView): readonly string[] => [
  `${'model'.padEnd(10)}  ${state.name}, revision ${state.revision}`,
  ...('primary' in state
    ? [
        `${'serves'.padEnd(10)}  ${state.primary === null ? 'nothing: all versions are archived' : shareText(state.primary)}`,
      ]
    : []),
  `${'canary'.padEnd(10)}  ${shareText(state.canary)}`,
  `${'shadow'.padEnd(10)}  ${shareText(state.shadow)}`,
  ...Object.entries(state.aliases).map(
    ([alias, version], index) =>
      `${(index === 0 ? 'aliases' : '').padEnd(10)}  ${alias} → version ${version}`,
  ),
]

/** '' when there are none. */
export const changeTable = (changes: readonly ModelChangeView[], io: Io): string =>
  renderTable<ModelChangeView>(
    [
      { title: 'revision', align: 'right', value: ({ revision }) => String(revision) },
      { title: 'when', value: ({ at }) => localTime(at), shrinksTo: 10 },
      { title: 'what', value: ({ kind }) => kind.replace('_', ' ') },
      { title: 'version', align: 'right', value: ({ version }) => (version === null ? '' : String(version)) },
      { title: 'alias', value: ({ alias }) => alias ?? '', shrinksTo: 8 },
      {
        title: 'before',
        align: 'right',
        value: ({ previous_version }) => (previous_version === null ? '' : String(previous_version)),
      },
      { title: 'traffic', value: trafficText, shrinksTo: 8 },
      { title: 'who', value: ({ actor }) => actor ?? 'a run', shrinksTo: 6 },
    ],
    changes,
    io,
  )

function trafficText({ traffic }: ModelChangeView): string {
  if (traffic === null) return ''
  const shares = (['canary', 'shadow'] as const).flatMap((role) => {
    const share = traffic[role]
    return share === null ? [] : [`${role} ${share.version}:${share.percent}`]
  })
  return shares.join(', ') || 'none'
}
