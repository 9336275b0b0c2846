import type { OperatorExplanationView, RunExplanationView } from '@celeriac/contracts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { aRun, problem, stubServer, type Respond, type StubServer } from './cli-harness.ts'

let server: StubServer
let respond: Respond
beforeEach(async () => {
  server = await stubServer((asked) => respond(asked))
})
afterEach(() => server.close())

const { id: runId } = aRun()
const operator = {
  operator_id: 'split',
  state: 'pending',
  attempt: 0,
  summary: 'it waits for read (running)',
  reasons: [
    { code: 'waits_for_upstream', message: 'it waits for read (running)', details: {} },
    { code: 'engine_behind', message: 'the engine is 4 s behind', details: {} },
  ],
  next: 'read ends',
} as const
const ofOperator: OperatorExplanationView = {
  run_id: runId,
  as_of: '2026-11-21T00:00:00.000Z',
  ...operator,
  reasons: [...operator.reasons],
}
const ofRun: RunExplanationView = {
  run_id: runId,
  as_of: '2026-11-21T00:00:00.000Z',
  state: 'running',
  summary: 'the run is under way: 1 of 2 operators have not ended',
  reasons: [],
  next: null,
  operators: [{ ...operator, reasons: [...operator.reasons] }],
  left_out: 7,
}

test('explain of an operator gives every reason, and what would move it', async () => {
  respond = () => ({ body: ofOperator })
  const { code, out } = await server.run('explain', runId, 'split')
  expect(code).toBe(0)
  expect(server.asked[0]?.url).toBe(`/api/v1/runs/${runId}/operators/split/explain`)
  expect(out.split('\n')).toEqual([
    '· split is pending',
    '  it waits for read (running)',
    '  the engine is 4 s behind',
    '  what would move it: read ends',
  ])
})

test('explain of a run is a table of what has not ended', async () => {
  respond = () => ({ body: ofRun })
  const { code, out } = await server.run('explain', runId, '-n', '1')
  expect(code).toBe(0)
  expect(server.asked[0]?.url).toBe(`/api/v1/runs/${runId}/explain?limit=1`)
  expect(out).toContain('the run is under way: 1 of 2 operators have not ended')
  expect(out).toMatch(/operator +state +why\n *split +pending +it waits for read \(running\)/)
  expect(out).toContain('and 7 more (--limit)')
  expect(out).toContain(`celeriac explain ${runId} split`)
})

test('with --json it prints the answer and nothing else', async () => {
  respond = ({ url }) => ({ body: url.includes('/operators/') ? ofOperator : ofRun })
  expect(JSON.parse((await server.run('explain', runId, '--json')).out)).toEqual(ofRun)
  expect(JSON.parse((await server.run('explain', runId, 'split', '--json')).out)).toEqual(ofOperator)
})

test('what operators said cannot upset a terminal', async () => {
  const message = 'attempt 1 failed: \u001b[2Jboom\u0007'
  respond = () => ({ body: { ...ofOperator, reasons: [{ code: 'failed', message, details: {} }] } })
  expect((await server.run('explain', runId, 'split')).out).toContain('  attempt 1 failed:  [2Jboom ')
})

test('an operator that does not exist is exit code 3', async () => {
  respond = () => problem(404, 'NOT_FOUND_OPERATOR', 'the run has no such operator')
  expect((await server.run('explain', runId, 'nobody')).code).toBe(3)
})

test('a limit that is reached is worth another try: exit code 69', async () => {
  respond = () => problem(429, 'LIMIT_OPEN_RUNS', 'too many runs are open')
  expect((await server.run('schedules', 'trigger', 'nightly')).code).toBe(69)
})
