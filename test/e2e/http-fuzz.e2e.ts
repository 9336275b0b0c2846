/**
 * The OpenAPI document against the server that serves it, by schemathesis: for each operation calls that fit the document
 * and calls that do not. No answer may be a 5xx of a defect, or have a status, header, type or body that the document does
 * not know; what does not fit must be refused. `npm run fuzz -- --examples N` does the same for longer.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'
import { root } from '../support/processes.ts'

const examples = Number(process.env['CELERIAC_FUZZ_EXAMPLES'] ?? 4)
const seed = process.env['CELERIAC_FUZZ_SEED'] ?? '20261121'
const python = process.env['CELERIAC_PYTHON'] ?? join(root, '.venv', 'bin', 'python')

const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'missing_required_header',
  'unsupported_method',
  'allow_header_conformance',
  'ignored_auth',
]

let platform: Platform
let reports: string
beforeAll(async () => {
  reports = await mkdtemp(join(tmpdir(), 'celeriac-fuzz-'))
  platform = await (await Platform.create('embedded')).start({ concurrency: 2 })
})
afterAll(async () => {
  await platform?.destroy()
  await rm(reports, { recursive: true, force: true })
})

/** A schedule, and a finished run that read, trained and deployed: most operations have something to answer. */
async function populate(): Promise<string> {
  const rows = Array.from({ length: 60 }, (_, index) => `${index},${index % 7},${index < 30 ? 'no' : 'yes'}`)
  await platform.api.json(
    'POST',
    '/api/v1/datasets?id=7',
    `age,balance,answer\n${rows.join('\n')}\n`,
    'text/csv',
  )
  await platform.api.json(
    'PUT',
    '/api/v1/schedules/yearly',
    '{"when": {"cron": "@yearly"}, "target": {"dag": "first"}}',
  )
  const edge = (target: string) => [{ target, source_index: 0, target_index: 0 }]
  const { id } = await platform.api.submit(
    JSON.stringify({
      name: 'first',
      dag: {
        operator_list: ['read', 'fit', 'deploy'],
        operator_rels: { read: edge('fit'), fit: edge('deploy') },
        operator_details: {
          read: { algo_name: 'algo_local_read_file', params: { data_id: 7 } },
          fit: { algo_name: 'algo_local_model_2c_l', params: { y_col: 'answer', pre_value: 'yes' } },
          deploy: { algo_name: 'algo_local_model_deploy', params: { name: 'fuzzed' } },
        },
      },
    }),
  )
  expect((await platform.api.waitFor(id, finalStates)).state).toBe('succeeded')
  return id
}

interface Outcome {
  readonly code: number | null
  readonly output: string
}

function schemathesis(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(dirname(python), 'schemathesis'), args, {
      cwd: reports,
      env: { ...process.env, SCHEMATHESIS_HOOKS: 'hooks', PYTHONPATH: join(root, 'test', 'fuzz'), ...env },
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', reject).on('close', (code) => resolve({ code, output }))
  })
}

test(
  'every answer is one that the OpenAPI document describes',
  { timeout: 120_000 + examples * 30_000 },
  async () => {
    const id = await populate()
    const known = {
      '/api/v1/runs': { id, operator: 'fit', port: 0 },
      '/api/v1/dags': { id: 'first', version: 1 },
      '/api/v1/datasets': { id: 7 },
      '/api/v1/models': { name: 'fuzzed' },
      '/v2/models': { name: 'fuzzed', version: '1' },
      '/v2/repository/models': { name: 'fuzzed' },
      '/api/v1/schedules': { name: 'yearly' },
    }
    const { url, token } = platform.api
    const { code, output } = await schemathesis(
      [
        `--config-file=${join(root, 'test', 'fuzz', 'schemathesis.toml')}`,
        'run',
        `${url}/api/openapi.json`,
        `--header=Authorization: Bearer ${token}`,
        `--checks=${checks.join(',')}`,
        `--max-examples=${examples}`,
        `--seed=${seed}`,
        '--generation-database=none',
        '--no-shrink',
        '--request-timeout=30',
        '--continue-on-failure',
        '--warnings=off',
      ],
      { CELERIAC_FUZZ_KNOWN: JSON.stringify(known) },
    )
    expect(code, output).toBe(0)
    const [, selected, tested] = /Selected: (\d+)\/\d+\n +Tested: (\d+)/.exec(output) ?? []
    expect(Number(tested), output).toBeGreaterThan(20)
    expect(tested).toBe(selected)
    expect(platform.schedulers[0]!.process.output).not.toContain('"level":"error"')
    expect(await (await platform.api.request('GET', '/readyz')).json()).toMatchObject({ ready: true })
  },
)
