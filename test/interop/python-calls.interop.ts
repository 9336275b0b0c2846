import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startInterop, type BackendKind, type Interop } from './support/celeriac-worker.ts'

/** Python's literals of all that JSON and Celery's extension of it can carry. */
const literals = [
  'None',
  'True',
  '-1.5',
  '0',
  '12345678901234567890',
  '"žluť 🎉"',
  '""',
  '[1, [2, []]]',
  '{"a": {"b": None}, "": 1}',
  'datetime.datetime(2026, 11, 21, 1, 2, 3, 123000, tzinfo=datetime.timezone.utc)',
  'datetime.date(2026, 11, 21)',
  'datetime.time(1, 2, 3)',
  'decimal.Decimal("1.10")',
  'uuid.UUID("0e1d39f4-9d3c-4f2a-8a4f-0b9a1d6c2e11")',
  'b"\\x00\\xff"',
]

describe.each<BackendKind>(['redis', 'rpc'])('a Celery client calls our worker, with %s://', (kind) => {
  let interop: Interop
  const run = <Value>(code: string): Promise<Value> => interop.python.run<Value>(code)

  beforeAll(async () => {
    interop = await startInterop({ kind })
  })
  afterAll(() => interop?.close())

  test('arguments of every type arrive and return as they were', async () => {
    await run(`values = [${literals.join(', ')}]`)
    expect(await run('returned = get(echo.delay(*values)); repr(returned)')).toBe(await run('repr(values)'))
    const named = await run(
      'repr(get(app.send_task("tasks.named", kwargs={"first": values, "x": values[-1]})))',
    )
    expect(named).toBe(await run('repr({"first": values, "x": values[-1]})'))
  })

  test.each(['json', 'msgpack', 'yaml'])('a call that is written in %s is read', async (serializer) => {
    expect(await run(`get(add.apply_async((20, 22), serializer="${serializer}"))`)).toBe(42)
  })

  test.each(['gzip', 'zstd', 'brotli'])('a call compressed with %s is read', async (name) => {
    expect(await run(`get(add.apply_async((20, 22), compression="${name}"))`)).toBe(42)
  })

  test('arguments are given by position and by name, and defaults hold', async () => {
    expect(await run('[get(add.delay(1)), get(add.delay(1, y=2)), get(add.delay(x=1, y=3))]')).toEqual([
      1, 3, 4,
    ])
  })

  test('arguments that do not fit are told in the words of Python', async () => {
    await expect(run('get(app.send_task("tasks.add"))')).rejects.toMatchObject({
      name: 'TypeError',
      module: 'builtins',
      message: "add() missing 1 required positional argument: 'x'",
    })
  })

  test('an error of Python’s own comes as an instance of its class, with the traceback of the worker', async () => {
    await expect(run('get(fail.delay("bad"))')).rejects.toMatchObject({
      name: 'ValueError',
      module: 'builtins',
      args: ['bad', 42],
      raised: expect.stringContaining('ValueError'),
    })
    const traceback = await run('failed = fail.delay("bad"); get(failed, propagate=False); failed.traceback')
    expect(traceback).toMatch(/^ValueError: bad, 42\n.*interop\/tasks\/dist\/tasks\.js:\d+/s)
  })

  test('an error of a module that the client has is an instance of that class, of any other a class of its name', async () => {
    await run('import client_errors')
    expect(
      await run(
        'error = get(send("declined", "limit"), propagate=False); [type(error) is client_errors.CardDeclined, error.reason, list(error.args)]',
      ),
    ).toEqual([true, 'limit', ['limit', { retry: false }]])
    await expect(run('get(send("broken"))')).rejects.toMatchObject({
      name: 'RangeError',
      args: ['out of range'],
      bases: expect.arrayContaining(['Exception']),
    })
    expect(await run('broken = send("broken"); get(broken, propagate=False); broken.traceback')).toContain(
      'the cause',
    )
  })

  test('a task that nobody has fails as NotRegistered', async () => {
    await expect(run('get(send("none"))')).rejects.toMatchObject({
      name: 'NotRegistered',
      module: 'celery.exceptions',
      args: ['tasks.none'],
    })
  })

  test('a task that retries ends with the value of its last attempt, or with its last error', async () => {
    expect(await run('get(flaky.delay(2))')).toBe(2)
    await expect(run('get(flaky.delay(4))')).rejects.toMatchObject({ args: ['not yet'] })
    expect(await run('get(send("unstable", 2))')).toBe(2)
    await expect(run('get(send("unstable", 3))')).rejects.toMatchObject({ name: 'CardDeclined' })
  })

  test('between its attempts a task is in state RETRY', async () => {
    // The reply queue of rpc:// is the client's: what was said of other tasks may still arrive.
    await run('states = []; later = send("later"); None')
    expect(
      await run(
        'get(later, on_message=lambda meta: meta["task_id"] == later.id and states.append([meta["status"], repr(meta["result"])]))',
      ),
    ).toBe('done')
    expect(await run('states')).toEqual([
      ['RETRY', expect.stringMatching(/OSError.*busy/)],
      ['SUCCESS', "'done'"],
    ])
  })

  test('countdown and eta hold a task until it is due', async () => {
    const waited = await run<number>(
      'import time; began = time.time(); get(add.apply_async((1, 1), countdown=2)); time.time() - began',
    )
    expect(waited).toBeGreaterThanOrEqual(2) // never before, on however slow a machine
    const due = await run<number>(
      'due = time.time() + 1.5; eta = datetime.datetime.fromtimestamp(due, datetime.timezone.utc); get(add.apply_async((1, 1), eta=eta)); time.time() - due',
    )
    expect(due).toBeGreaterThanOrEqual(0)
  })

  test('a task that comes after its expiry does not run', async () => {
    await run('expired = add.apply_async((1, 1), countdown=1.5, expires=1)')
    await expect(run('get(expired)')).rejects.toMatchObject({
      name: 'TaskRevokedError',
      args: ['expired'],
    })
  })

  test('time limits of a call hold: the soft one can be caught, the hard one ends a deaf task', async () => {
    expect(await run('get(app.send_task("tasks.guarded", [60], soft_time_limit=1))')).toBe('tidied up')
    await expect(run('get(app.send_task("tasks.nap", [60], soft_time_limit=1))')).rejects.toMatchObject({
      name: 'SoftTimeLimitExceeded',
      module: 'billiard.exceptions',
    })
    await expect(run('get(app.send_task("tasks.spin", time_limit=1))')).rejects.toMatchObject({
      name: 'TimeLimitExceeded',
      args: [1],
    })
  })

  test('a revoked task does not run, and one that runs is ended with terminate', async () => {
    await run('waiting = add.apply_async((1, 1), countdown=4); waiting.revoke()')
    await expect(run('get(waiting)')).rejects.toMatchObject({ name: 'TaskRevokedError', args: ['revoked'] })
    await run('spinning = send("spin")')
    await expect.poll(() => run('told(spinning)[0]'), { timeout: 30_000 }).toBe('STARTED')
    await run('spinning.revoke(terminate=True, signal="SIGKILL")')
    await expect(run('get(spinning)')).rejects.toMatchObject({
      name: 'TaskRevokedError',
      args: ['terminated'],
    })
  })

  test('STARTED and states of the task’s own are seen while it runs', async () => {
    const key = `go-${kind}`
    await run(`going = send("progress", "${key}")`)
    await expect.poll(() => run('told(going)'), { timeout: 30_000 }).toEqual(['PROGRESS', { done: 0.5 }])
    await interop.open(key)
    expect(await run('[get(going), going.state, going.successful()]')).toEqual(['finished', 'SUCCESS', true])
  })

  test('the result of a task that ignores it is not kept', async () => {
    await run('ignored = send("ignored", 1); called = add.apply_async((1, 1), ignore_result=True)')
    // What was sent later has ended: what was sent before, too, and its result would be there.
    await run('[get(add.delay(1)) for _ in range(8)]')
    expect(await run('[result(ignored.id).state, result(called.id).state]')).toEqual(['PENDING', 'PENDING'])
  })

  test('what the caller says of a task is known to it', async () => {
    const request = await run(
      'sent = app.send_task("tasks.request", headers={"x-tenant": "a"}, priority=3, time_limit=30, soft_time_limit=20); get(sent)',
    )
    expect(request).toEqual({
      id: await run('sent.id'),
      rootId: await run('sent.id'),
      parentId: null,
      group: null,
      groupIndex: null,
      retries: 0,
      headers: expect.objectContaining({ 'x-tenant': 'a' }),
      priority: 3,
      timelimit: [30, 20],
      stamps: {},
    })
  })
})
