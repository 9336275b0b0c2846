import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finalStates, type RunView } from '../support/api-client.ts'
import { Platform, type Mode } from '../support/platform.ts'

interface Step {
  readonly algorithm?: string
  readonly params?: Record<string, unknown>
  readonly after?: readonly string[]
  readonly more?: Record<string, unknown>
}

/** A document of pass-through and test operators, wired port 0 to port 0. */
function documentOf(name: string, steps: Readonly<Record<string, Step>>): string {
  const rels: Record<string, { target: string; source_index: number; target_index: number }[]> = {}
  for (const [id, { after = [] }] of Object.entries(steps))
    for (const source of after) (rels[source] ??= []).push({ target: id, source_index: 0, target_index: 0 })
  const details = Object.fromEntries(
    Object.entries(steps).map(([id, { algorithm = 'pass_through', params = {}, more = {} }]) => [
      id,
      { algo_name: `algo_local_${algorithm}`, params, ...more },
    ]),
  )
  const dag = { operator_list: Object.keys(steps), operator_rels: rels, operator_details: details }
  return JSON.stringify({ name, dag })
}

const statesOf = (run: RunView): Record<string, string> =>
  Object.fromEntries(run.operators.map(({ id, state }) => [id, state]))

describe.each<Mode>(['embedded', 'distributed'])('%s', (mode) => {
  let platform: Platform

  beforeAll(async () => {
    platform = await (await Platform.create(mode)).start({ schedulers: 1, workers: 1, concurrency: 4 })
  })
  afterAll(() => platform?.destroy())

  const runToEnd = async (name: string, steps: Readonly<Record<string, Step>>): Promise<RunView> => {
    const { id } = await platform.api.submit(documentOf(name, steps))
    return platform.api.waitFor(id, finalStates, 60_000)
  }

  test('a failed operator fails what hangs on it, other branches go on, and a rerun completes the run', async () => {
    const run = await runToEnd('branches', {
      a: {},
      bad: { algorithm: 'test_fail', after: ['a'], params: { message: 'on purpose', fail_attempts: 1 } },
      after_bad: { after: ['bad'] },
      good: { after: ['a'] },
      always: { after: ['bad'], more: { trigger_rule: 'all_done' } },
    })
    expect(run.state).toBe('failed')
    expect(statesOf(run)).toEqual({
      a: 'succeeded',
      bad: 'failed',
      after_bad: 'upstream_failed',
      good: 'succeeded',
      always: 'succeeded',
    })
    expect(run.operators.find(({ id }) => id === 'bad')!.error).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('on purpose'),
    })
    await platform.api.json('POST', `/api/v1/runs/${run.id}/rerun`, JSON.stringify({ from: 'failed' }))
    const again = await platform.api.waitFor(run.id, finalStates)
    expect(again.state).toBe('succeeded')
    const attempts = Object.fromEntries(again.operators.map(({ id, attempt }) => [id, attempt]))
    expect(attempts).toMatchObject({ a: 1, good: 1, bad: 2, after_bad: 1 })
  })

  test('an operator with retries is tried again until it succeeds', async () => {
    const run = await runToEnd('retries', {
      flaky: {
        algorithm: 'test_fail',
        params: { message: 'not yet', fail_attempts: 2 },
        more: { retries: { max: 3, backoff: 0.05 } },
      },
      next: { after: ['flaky'] },
    })
    expect(run.state).toBe('succeeded')
    expect(run.operators[0]).toMatchObject({ state: 'succeeded', attempt: 3 })
  })

  test.each([
    ['kill9', 'TASK_PROCESS_DIED'],
    ['exit', 'TASK_PROCESS_DIED'],
    ['garbage_frames', 'EXECUTOR_PROTOCOL'],
  ])('a Python process that ends by %s fails its attempt with %s, and the pool heals', async (how, code) => {
    const run = await runToEnd('crash', {
      boom: { algorithm: 'test_crash', params: { mode: how } },
      other: {},
    })
    expect(statesOf(run)).toEqual({ boom: 'failed', other: 'succeeded' })
    expect(run.operators[0]!.error!.code).toBe(code)
    expect((await runToEnd('healed', { a: {}, b: { after: ['a'] } })).state).toBe('succeeded')
  })

  test('an operator that hangs past its timeout fails as timed out', async () => {
    const run = await runToEnd('hang', {
      slow: { algorithm: 'test_sleep', params: { seconds: 600 }, more: { timeout: 1 } },
    })
    expect(run.operators[0]).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } })
  })

  test('a cancel stops the attempt that runs and everything that waits', async () => {
    const { id } = await platform.api.submit(
      documentOf('cancel', {
        slow: { algorithm: 'test_sleep', params: { seconds: 600 } },
        next: { after: ['slow'] },
      }),
    )
    await expect
      .poll(async () => (await platform.api.run(id)).operators[0]!.state, { timeout: 20_000 })
      .toBe('running')
    await platform.api.json('POST', `/api/v1/runs/${id}/cancel`)
    const run = await platform.api.waitFor(id, finalStates, 30_000)
    expect(run.state).toBe('cancelled')
    expect(statesOf(run)).toEqual({ slow: 'cancelled', next: 'cancelled' })
  })

  test('the log of an operator has every line of both streams, with its time', async () => {
    const { id } = await platform.api.submit(
      documentOf('logs', { talk: { algorithm: 'test_sleep', params: { seconds: 0.1 } } }),
    )
    await platform.api.waitFor(id, ['succeeded'])
    const page = await platform.api.json<{ lines: { at: string; stream: string; text: string }[] }>(
      'GET',
      `/api/v1/runs/${id}/operators/talk/logs?offset=0`,
    )
    expect(page.lines.length).toBeGreaterThan(0)
    expect(page.lines.every(({ stream }) => ['stdout', 'stderr', 'system'].includes(stream))).toBe(true)
  })
})
