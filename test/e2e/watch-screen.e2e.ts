import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'
import { Terminal } from '../support/terminal.ts'
import { tumours } from '../support/tumours.ts'

let platform: Platform
beforeAll(async () => {
  platform = await Platform.create('embedded')
  await platform.start({ concurrency: 4 })
  await platform.api.json('POST', '/api/v1/datasets?id=569', tumours(), 'text/csv')
})
afterAll(() => platform?.destroy())

async function watch(...args: string[]): Promise<Terminal> {
  const terminal = await Terminal.open(args, {
    CELERIAC_SERVER: platform.api.url,
    CELERIAC_API_TOKEN: platform.api.token,
  })
  onTestFinished(() => terminal.close())
  return terminal
}

const width = 80
const height = 24

/** 40 operators that have to wait, one that fails, and two that run until they are cancelled. */
const many = (): string => {
  const waiting = Array.from({ length: 40 }, (_, index) => `evaluation_of_the_northern_region_fold_${index}`)
  const details = [
    'a_very_long_operator_name_that_no_terminal_can_show_in_full_training: {algo_name: algo_local_test_sleep, params: {seconds: 600, lines: 600}}',
    'second: {algo_name: algo_local_test_sleep, params: {seconds: 600, lines: 2}}',
    'broken: {algo_name: algo_local_test_fail, params: {message: the disk is full}}',
    ...waiting.map((id) => `${id}: {algo_name: algo_local_pass_through}`),
  ]
  const ids = details.map((line) => line.split(':')[0])
  const edges = waiting.map((id) => `{target: ${id}, source_index: 0, target_index: 0}`)
  return `
name: a_dag_whose_name_is_longer_than_the_line
dag:
  operator_list: [${[...waiting, ...ids.slice(0, 3)].join(', ')}]
  operator_rels: {second: [${edges.join(', ')}]}
  operator_details:
${details.map((line) => `    ${line}`).join('\n')}
`
}

test('a run of more operators than lines is shown live on 80 × 24: what runs and what failed first', async () => {
  const file = join(platform.dataDir, 'many.yaml')
  await writeFile(file, many())
  const terminal = await watch('run', file, '--watch')
  const screen = async () => (await terminal.lines()).join('\n')
  await expect
    .poll(screen, { timeout: 60_000 })
    .toMatch(
      /(?=[^]*^▸ a_very_long_op…full_training .*\[ +\] \d %)(?=[^]*^▸ second )(?=[^]*^✗ broken .*TASK_FAILED)/m,
    )

  const lines = await terminal.lines()
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
  const first = lines.findIndex((line) => line.includes('▸ running'))
  expect(lines[first]).toMatch(/^[0-9a-f-]{36} {2}a_.*….* v1 {2}▸ running {2}[\d.]+ s$/)
  expect(lines[first + 1]).toMatch(/^ {2}operator +state +took$/)
  const operators = lines.slice(
    first + 2,
    lines.findIndex((line) => line.includes(' finished (')),
  )
  expect(
    operators
      .slice(0, 3)
      .map((line) => line.slice(0, 10))
      .toSorted(),
  ).toEqual(['▸ a_very_l', '▸ second  ', '✗ broken  '])
  expect(operators.find((line) => line.startsWith('▸ a_very'))).toMatch(
    /^▸ a_very_long_op…full_training {2}running +[\d.]+ s {2}\[ +\] \d %/,
  )
  expect(operators.find((line) => line.startsWith('✗ broken'))).toMatch(
    /failed +[\d.]+ s {2}TASK_FAILED: the/,
  )
  expect(lines.join('\n')).toMatch(/1\/43 finished \(\d+ not shown\): 40 pending/)

  const [, id = ''] = /run ([0-9a-f-]{36})/.exec(lines.join('\n')) ?? []
  await platform.api.request('POST', `/api/v1/runs/${id || lines[first]!.slice(0, 36)}/cancel`)
  await expect.poll(screen, { timeout: 60_000 }).toContain('exit code 1')
  expect(await screen()).toContain('broken: TASK_FAILED: the disk is full')
})

test('the end of a run shows its metrics below the operators, all on one screen', async () => {
  const terminal = await watch('run', 'examples/demo.yaml', '--watch')
  await expect
    .poll(async () => (await terminal.lines()).join('\n'), { timeout: 60_000 })
    .toContain('exit code 0')
  const lines = await terminal.lines()
  expect(lines).toHaveLength(height + 1)
  const text = lines.join('\n')
  expect(text).toMatch(/[0-9a-f-]{36} {2}breast-cancer-demo v\d+ {2}✓ succeeded {2}[\d.]+ s/)
  expect(text).toMatch(/✓ gbdt +succeeded +[\d.]+ s/)
  expect(text).toContain('12/12 finished')
  expect(text).toMatch(/^metric +evaluate_logistic_regression +evaluate_gbdt$/m)
  expect(text).toMatch(/^auc +0\.99\d\d +0\.99\d\d$/m)
})

test('without a terminal each change is one line', async () => {
  const { stdout } = await platform.cli('run', 'examples/demo.yaml', '--watch')
  expect(stdout).toMatch(/^✓ succeeded {2}gbdt {2}[\d.]+ s$/m)
  expect(stdout).not.toContain('\u001b')
  const runs = await platform.api.json<{ items: { id: string }[] }>('GET', '/api/v1/runs?limit=1')
  await platform.api.waitFor(runs.items[0]!.id, finalStates)
})
