/**
 * The engine benchmark: `npm run bench:engine [-- --scale 0.1]`. One JSON line per measurement.
 *
 * - wide: 100 runs of 100 no-op operators on RabbitMQ and PostgreSQL, engine and worker in a process each, beside the bare
 *   message-and-commit pattern in the same arrangement, measured in turns;
 * - python_chain: 40 trivial Python operators, one after the other, from submit to finished;
 * - large_dag: a document of 5,000 operators: validate and submit, and the memory of the process;
 * - takeover is not here: see test/chaos.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { parseDagDocument } from '@celeriac/contracts'
import { builtinAlgorithmsDir, loadAlgorithms, newId } from '@celeriac/runtime'
import { runBarePattern } from './bare-pattern.ts'
import { planOf, startEngineUnderTest, type EngineUnderTest } from './engine-under-test.ts'

const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, rounds: { type: 'string', default: '3' } },
})
const scale = Number(values.scale)
const rounds = Number(values.rounds)
const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
const databaseUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version }

const print = (name: string, result: Record<string, unknown>): void =>
  console.log(
    JSON.stringify({ bench: `engine/${name}`, at: new Date().toISOString(), ...machine, scale, ...result }),
  )
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN
const round = (value: number, digits = 0): number => Number(value.toFixed(digits))

async function startWorker(program: string, prefix: string): Promise<ChildProcess> {
  const worker = fork(new URL(program, import.meta.url), [amqpUrl, prefix], { stdio: 'inherit' })
  await once(worker, 'message')
  return worker
}

async function stopWorker(worker: ChildProcess): Promise<void> {
  worker.kill('SIGTERM')
  await once(worker, 'exit')
}

async function measureWide(subject: EngineUnderTest): Promise<void> {
  const runs = Math.max(1, Math.round(100 * scale))
  const tasks = runs * 100
  const plan = planOf(100, () => [])
  const worker = await startWorker('./noop-worker.js', subject.topology.prefix)
  await subject.runAll(plan, Math.max(1, Math.round(runs / 10))) // warm-up
  const engine: number[] = []
  const bare: number[] = []
  for (let index = 0; index < rounds; index++) {
    engine.push(tasks / (await subject.runAll(plan, runs)))
    bare.push(await runBarePattern({ amqpUrl, databaseUrl, tasks }))
  }
  await stopWorker(worker)
  print('wide', {
    operators: tasks,
    operators_per_s: round(median(engine)),
    bare_per_s: round(median(bare)),
    ratio: round(median(engine) / median(bare), 3),
    rounds: engine.map((each) => round(each)),
  })
}

async function measureChain(subject: EngineUnderTest): Promise<void> {
  const length = Math.max(2, Math.round(40 * scale))
  const plan = planOf(length, (ordinal) => (ordinal === 0 ? [] : [ordinal - 1]), 'algo_local_pass_through')
  const worker = await startWorker('./python-worker.js', subject.topology.prefix)
  await subject.runAll(plan, 1)
  const seconds: number[] = []
  for (let index = 0; index < Math.max(3, rounds); index++) seconds.push(await subject.runAll(plan, 1))
  await stopWorker(worker)
  print('python_chain', {
    operators: length,
    seconds: round(median(seconds), 3),
    rounds: seconds.map((each) => round(each, 3)),
  })
}

/** A document as a generator of DAGs would write it: layers of 50, each operator fed by one of the layer above. */
function largeDocument(size: number): string {
  const list = Array.from({ length: size }, (_, index) => `operator_${index}`)
  const rels: Record<string, object[]> = {}
  const details: Record<string, object> = {}
  for (const [index, id] of list.entries()) {
    details[id] = {
      algo_name: 'algo_local_pass_through',
      data_type: '本地python',
      cn_name: `算子 ${index}`,
      coordinate: { x: index, y: 1 },
      params: {},
    }
    if (index >= 50)
      (rels[`operator_${index - 50}`] ??= []).push({ target: id, source_index: 0, target_index: 0 })
  }
  return JSON.stringify(
    {
      name: `large-${newId()}`,
      dag: { operator_list: list, operator_rels: rels, operator_details: details },
    },
    null,
    1,
  )
}

async function measureLargeDag(subject: EngineUnderTest): Promise<void> {
  const size = Math.max(50, Math.round(5_000 * scale))
  const algorithms = await loadAlgorithms([builtinAlgorithmsDir()])
  const source = largeDocument(size)
  const startedAt = performance.now()
  const parsed = parseDagDocument(source, { algorithms })
  if (!parsed.ok) throw new Error(`the document is not valid: ${JSON.stringify(parsed.problems.slice(0, 3))}`)
  const validated = performance.now()
  const content = newId()
  const { version } = await subject.store.registerDag({
    name: content,
    source,
    document: parsed.document as never,
    plan: parsed.plan,
    contentHash: content,
  })
  await subject.store.createRun({
    id: newId(),
    dagId: version.dagId,
    dagVersion: version.version,
    datasets: {},
    idempotencyKey: null,
  })
  const submitted = performance.now()
  const worker = await startWorker('./noop-worker.js', subject.topology.prefix)
  const seconds = await subject.runAll(parsed.plan, 1)
  await stopWorker(worker)
  print('large_dag', {
    operators: size,
    validate_s: round((validated - startedAt) / 1_000, 3),
    submit_s: round((submitted - validated) / 1_000, 3),
    run_s: round(seconds, 3),
    rss_mb: round(process.memoryUsage.rss() / 1_048_576),
  })
}

const directory = await mkdtemp(join(tmpdir(), 'celeriac-bench-'))
const subject = await startEngineUnderTest({
  amqpUrl,
  databaseUrl,
  artifactUrl: pathToFileURL(directory).href,
})
try {
  await measureWide(subject)
  await measureChain(subject)
  await measureLargeDag(subject)
} finally {
  await subject.close()
  await rm(directory, { recursive: true, force: true })
}
