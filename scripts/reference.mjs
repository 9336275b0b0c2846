// `npm run docs:reference`: writes docs/reference from the code's own tables. `renderReference` is also what the test in
// test/docs compares the files with. Run after `npm run build`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { apiPage } from './reference/api.mjs'
import { cliPage } from './reference/cli.mjs'
import { withEmbeddedFiles } from './reference/embedded-files.mjs'
import { jsonOutputPage } from './reference/json-output.mjs'
import { note, table } from './reference/markdown.mjs'

const root = join(import.meta.dirname, '..')
/** Guides that show whole files. */
const guides = ['own-executor.md', 'tasks.md']

/** @returns {Promise<Record<string, string>>} file name below docs → content */
export async function renderReference() {
  const core = await import('@celeriac/core')
  const contracts = await import('@celeriac/contracts')
  const runtime = await import('@celeriac/runtime')
  const scheduler = await import('@celeriac/scheduler')
  const worker = await import('@celeriac/worker')
  const cli = await import('@celeriac/cli')
  const { buildTopology, queueArguments } = await import('@celeriac/broker')
  const algorithms = await runtime.loadAlgorithms([runtime.builtinAlgorithmsDir()])
  const reference = {
    'states.md': states(core),
    'errors.md': errors(core),
    'document-problems.md': problems(contracts),
    'metrics.md': metrics({ Scheduler: scheduler.schedulerMetrics, Worker: worker.workerMetrics }),
    'configuration.md': configuration(runtime, {
      Scheduler: scheduler.schedulerConfigSchema,
      Worker: worker.workerConfigSchema,
      'Command line': cli.clientConfigSchema,
      'Command line: inspect, control, events, call, purge, parked': cli.callConfigSchema,
    }),
    'topology.md': topology(buildTopology(), queueArguments),
    'algorithms.md': algorithmPages(algorithms),
    'api.md': apiPage(scheduler.openApiDocument(scheduler.routes, cli.cliVersion)),
    'cli.md': await cliPage(cli),
    'json-output.md': jsonOutputPage(cli, contracts),
  }
  return {
    ...Object.fromEntries(Object.entries(reference).map(([file, page]) => [`reference/${file}`, page])),
    ...Object.fromEntries(
      guides.map((file) => [
        `guide/${file}`,
        withEmbeddedFiles(readFileSync(join(root, 'docs', 'guide', file), 'utf8'), root),
      ]),
    ),
  }
}

function states(core) {
  const diagram = (transitions) =>
    [
      '```mermaid',
      'stateDiagram-v2',
      ...Object.entries(transitions).flatMap(([from, targets]) => targets.map((to) => `  ${from} --> ${to}`)),
      '```',
    ].join('\n')
  return `# States\n\n${note}
## Operator task\n\n${diagram(core.operatorTaskTransitions)}\n
Final: ${core.finalOperatorTaskStates.join(', ')}. A final state is left only by a rerun. The meaning of each state is written at its declaration in \`packages/core/src/states.ts\`.

${table(
  ['from', 'to'],
  Object.entries(core.operatorTaskTransitions).map(([from, targets]) => [from, targets.join(', ')]),
)}
## Run\n\n${diagram(core.runTransitions)}\n
Final: ${core.finalRunStates.join(', ')}. A run is \`failed\` when any of its operator tasks failed.

${table(
  ['from', 'to'],
  Object.entries(core.runTransitions).map(([from, targets]) => [from, targets.join(', ')]),
)}`
}

function errors({ errorCodes }) {
  const rows = Object.entries(errorCodes).map(([code, { status, retryable, meaning }]) => [
    `\`${code}\``,
    status,
    retryable ? 'yes' : 'no',
    meaning,
  ])
  return `# Error codes\n\n${note}\nHTTP errors are RFC 9457 problem details with this \`code\`; failed attempts carry it as \`error.code\`. Retryable: the same call may succeed later.\n\n${table(['code', 'HTTP', 'retryable', 'meaning'], rows)}`
}

function problems({ problemCodes }) {
  const rows = Object.entries(problemCodes).map(([code, { severity, meaning }]) => [
    `\`${code}\``,
    severity,
    meaning,
  ])
  return `# Problems of DAG documents\n\n${note}\nAll problems of a document are reported at once, each with line, column, path and, where one is known, a suggestion. Errors refuse the document; warnings do not.\n\n${table(['code', 'severity', 'meaning'], rows)}`
}

function metrics(tables) {
  const parts = Object.entries(tables).map(([service, definitions]) => {
    const rows = definitions.map(({ name, type, labels = {}, help }) => [
      `\`celeriac_${name}\``,
      type,
      Object.entries(labels)
        .map(([label, values]) => (values === 'open' ? label : `${label}: ${values.join(', ')}`))
        .join('; ') || '–',
      help,
    ])
    return `## ${service}\n\n${table(['metric', 'type', 'labels', 'meaning'], rows)}`
  })
  return `# Metrics

${note}
Served on \`/metrics\`: by a scheduler on the API's port (with a token unless on loopback), by a worker on 8781;
\`celeriac standalone\` serves both on the API's port. Node's process metrics (\`process_*\`, \`nodejs_*\`) come besides.

- Where the values of all labels are listed, every series exists from the start, at 0. Else it appears on first use, and
  its labels are bounded: routes are patterns, algorithms those of the catalogue (there from the start), executors and
  queues those of the topology.
- What “use max” is written behind is told by every scheduler about the whole installation. Everything else is about the
  process that tells it: sum.
- What is read from the database or the broker (\`dag_runs\`, \`operator_tasks\`, \`queue_*\`) is up to 5 s old, a minute while
  it cannot be read, and then absent. \`workers\` and \`fleet_slots\` are absent while the scheduler has no connection to the
  broker. A scrape waits one second for all of this, no longer.

${parts.join('\n')}`
}

function configuration({ flagOf, fileKeyOf }, schemas) {
  const parts = Object.entries(schemas).map(([service, schema]) => {
    const rows = Object.entries(schema).map(([name, setting]) => [
      `\`${setting.env}\``,
      `\`${flagOf(name)}\``,
      `\`${fileKeyOf(setting)}\``,
      // The number of CPUs differs between machines.
      !('default' in setting)
        ? 'required'
        : name === 'concurrency'
          ? 'CPUs × 2'
          : setting.default === null
            ? '–'
            : `\`${JSON.stringify(setting.default)}\``,
      setting.description,
    ])
    return `## ${service}\n\n${table(['environment', 'flag', 'file', 'default', 'meaning'], rows)}`
  })
  return `# Configuration\n\n${note}\nPrecedence: flag, environment, file (JSON, named by \`CELERIAC_CONFIG\` or \`--config\`), default. All faults are reported at once; exit code 78.\n\n${parts.join('\n')}`
}

function topology(built, queueArguments) {
  const queues = built.queues.map((queue) => [
    `\`${queue.name}\``,
    queue.type,
    `\`${JSON.stringify(queueArguments(queue))}\``,
  ])
  const exchanges = built.exchanges.map(({ name, type, isDurable }) => [
    `\`${name}\``,
    type,
    isDurable ? 'yes' : 'no',
  ])
  const bindings = built.bindings.map(({ exchange, queue, routingKey }) => [
    `\`${exchange}\``,
    `\`${queue}\``,
    `\`${routingKey}\``,
  ])
  return `# Broker topology\n\n${note}\nAsserted by every service on each (re)connect. \`CELERIAC_QUEUE_PREFIX\` goes in front of every name.\n\n## Queues\n\n${table(['queue', 'type', 'arguments'], queues)}\n## Exchanges\n\n${table(['exchange', 'type', 'durable'], exchanges)}\n## Bindings\n\n${table(['exchange', 'queue', 'routing key'], bindings)}`
}

function algorithmPages(catalog) {
  const ports = (list) =>
    list
      .map(
        ({ index, name, type, required }) =>
          `${index} ${name}: ${[type].flat().join(' or ')}${required === false ? ' (optional)' : ''}`,
      )
      .join('; ') || '–'
  const parts = catalog
    .all()
    .filter(({ hidden }) => hidden !== true)
    .toSorted((a, b) => a.algo_name.localeCompare(b.algo_name))
    .map((manifest) => {
      const rows = Object.entries(manifest.params.properties ?? {}).map(([name, spec]) => [
        `\`${name}\``,
        [spec.type ?? (spec.enum ? 'choice' : 'any')].flat().join(' or '),
        'default' in spec ? `\`${JSON.stringify(spec.default)}\`` : '–',
        [spec.title, spec.description].filter(Boolean).join(': '),
      ])
      return `## ${manifest.algo_name}\n\n**${manifest.en_name} · ${manifest.cn_name}** (${manifest.category}). ${manifest.description}\n\n- inputs: ${ports(manifest.inputs)}\n- outputs: ${ports(manifest.outputs)}\n\n${table(['parameter', 'type', 'default', 'meaning'], rows)}`
    })
  return `# Algorithms\n\n${note}\nFrom the manifests in \`packages/operators/src/celeriac/algorithms\`; \`celeriac algorithms\` lists them too.\n\n${parts.join('\n')}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const [file, content] of Object.entries(await renderReference())) {
    writeFileSync(join(root, 'docs', file), content)
    console.log(`docs/${file}`)
  }
