import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import amqp from 'amqplib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform, type Mode } from '../support/platform.ts'
import { root, runCommand } from '../support/processes.ts'
import { tumours } from '../support/tumours.ts'

const example = join(root, 'examples', 'own-executor')
const slow = `slow=${join(example, 'command-executor.js')}`
const document = await readFile(join(example, 'dag.yaml'), 'utf8')

describe.each<Mode>(['embedded', 'distributed'])('the example of an own executor, %s', (mode) => {
  let platform: Platform
  beforeAll(async () => {
    platform = await Platform.create(mode, { executors: ['slow'] })
    if (mode === 'embedded') await platform.start({ args: ['--executor', slow] })
    else {
      await platform.start()
      await platform.startWorker(1, ['--executor', slow, '-Q', 'slow', '--name', 'slow@test'])
    }
    await platform.api.json('POST', '/api/v1/datasets?id=569&name=tumours', tumours(), 'text/csv')
  })
  afterAll(() => platform?.destroy())

  test('runs the operators that ask for it, and only those', async () => {
    const submitted = await platform.api.submit(document)
    const run = await platform.api.waitFor(submitted.id, finalStates)
    expect(run.operators.map(({ id, state }) => `${id} ${state}`)).toEqual(
      ['read', 'split', 'train', 'predict', 'evaluate'].map((id) => `${id} succeeded`),
    )
    expect(run.operators.at(-1)!.metrics['auc']).toBeGreaterThan(0.9)
    for (const { id, worker } of run.operators) {
      const { lines } = await platform.api.json<{ lines: { text: string }[] }>(
        'GET',
        `/api/v1/runs/${run.id}/operators/${id}/logs`,
      )
      const isSlow = id === 'split' || id === 'train'
      expect(lines.some(({ text }) => text.includes('behind nice -n 19'))).toBe(isSlow)
      if (mode === 'distributed') expect(worker === 'slow@test').toBe(isSlow)
    }
    expect((await platform.cli('logs', run.id, 'train')).stdout).toContain('behind nice -n 19')
  })

  test('a failure and a cancel on it look as everywhere', async () => {
    const submitted = await platform.api.submit(`
name: ends
dag:
  operator_list: [broken, endless]
  operator_rels: {}
  operator_details:
    broken: { algo_name: algo_local_test_fail, executor: slow, params: { message: the disk is full } }
    endless: { algo_name: algo_local_test_sleep, executor: slow, params: { seconds: 600 } }
`)
    const stateOf = async (id: string) =>
      (await platform.api.run(submitted.id)).operators.find((operator) => operator.id === id)!
    await expect
      .poll(() => stateOf('broken'), { timeout: 60_000 })
      .toMatchObject({ state: 'failed', error: { code: 'TASK_FAILED', message: 'the disk is full' } })
    await expect.poll(() => stateOf('endless'), { timeout: 60_000 }).toMatchObject({ state: 'running' })
    expect((await platform.cli('cancel', submitted.id)).code).toBe(0)
    await platform.api.waitFor(submitted.id, finalStates)
    expect(await stateOf('endless')).toMatchObject({ state: 'cancelled' })
  })

  test('its queue is one of the installation', async () => {
    const { stdout } = await platform.cli('queues')
    expect(stdout).toMatch(/celeriac\.slow +0 +1/)
  })

  test('a document that misspells it is told what was meant, by the server and offline', async () => {
    const misspelt = document.replace('executor: slow', 'executor: slwo')
    const answer = await platform.api.request('POST', '/api/v1/runs', misspelt, 'application/yaml')
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({
      problems: [
        {
          message: 'executor must be one of local, slow; got "slwo"',
          suggestion: 'slow',
          line: expect.any(Number),
        },
      ],
    })
    const file = join(platform.dataDir, 'misspelt.yaml')
    await writeFile(file, misspelt)
    const offline = await runCommand(['validate', file, '--executors', 'slow'])
    expect(offline.code).toBe(4)
    expect(offline.stdout).toContain('got "slwo"')
  })
})

describe('what does not fit together', () => {
  test('a scheduler that does not know the executor refuses documents that name it', async () => {
    const platform = await Platform.create('distributed')
    onTestFinished(() => platform.destroy())
    await platform.startScheduler()
    const answer = await platform.api.request('POST', '/api/v1/runs', document, 'application/yaml')
    expect(answer.status).toBe(422)
    expect(await answer.text()).toContain('executor must be one of local; got \\"slow\\"')
  })

  test('a worker with a module for an executor that is not in CELERIAC_EXECUTORS does not start', async () => {
    const { code, stderr } = await runCommand(['worker', '--executor', slow, '--executors', 'slwo'], {
      CELERIAC_AMQP_URL: 'amqp://127.0.0.1:1',
    })
    expect(code).toBe(78)
    expect(stderr).toContain('slow is not in CELERIAC_EXECUTORS')
    expect(stderr).toContain('did you mean slwo?')
  })

  test('a module that cannot be loaded is named', async () => {
    const platform = await Platform.create('distributed', { executors: ['gpu'] })
    onTestFinished(() => platform.destroy())
    const { code, stderr } = await runCommand(['worker', '--executor', 'gpu=./none.js'], platform.env)
    expect(code).toBe(78)
    expect(stderr).toMatch(/the module cannot be loaded: Cannot find module '.*none\.js'\n/)
    expect(stderr).toContain('at --executor gpu=./none.js')
  })

  test('a queue that exists with other arguments is named, and nothing starts', async () => {
    const platform = await Platform.create('distributed', { executors: ['gpu'] })
    onTestFinished(() => platform.destroy())
    const connection = await amqp.connect(platform.amqpUrl)
    const channel = await connection.createChannel()
    await channel.assertQueue(platform.topology.executorQueue('gpu'), { durable: true })
    await connection.close()
    const { code, stderr } = await runCommand(['scheduler', '--http-port', '0'], platform.env)
    expect(code).toBe(69)
    expect(stderr).toContain('exists with other arguments')
    expect(stderr).toContain(`${platform.name}.celeriac.gpu`)
  })
})
