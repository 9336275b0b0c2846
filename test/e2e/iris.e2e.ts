/** The articles' system as its own client uses it, on real workers: its numbers are those of scikit-learn. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Platform, type Mode } from '../support/platform.ts'

interface Row {
  readonly sepal_len: number
  readonly sepal_width: number
  readonly petal_len: number
  readonly petal_width: number
}
interface Training {
  readonly status: string
  readonly result: readonly (Row & { readonly cluster: number })[]
}

const slow = { timeout: 120_000 }
const flower: Row = { sepal_len: 5.1, sepal_width: 3.2, petal_len: 1.2, petal_width: 0.3 }

/** What the articles' front end sends, and no more. `read` is how it reads an answer. */
class ArticlesClient {
  readonly #url: string
  readonly #read: (text: string) => unknown
  token = ''

  constructor(
    url: string,
    read: (text: string) => unknown = (text) => (text === '' ? null : JSON.parse(text)),
  ) {
    this.#url = url
    this.#read = read
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(this.token === '' ? {} : { authorization: `Token ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: this.#read(await response.text()) as T }
  }

  async get<T>(path: string): Promise<T> {
    return (await this.send<T>('GET', path)).body
  }

  async train(clusters: number | string): Promise<{ id: string; training: Training }> {
    const { status, body } = await this.send<{ train_task_id: string }>('POST', '/api/train', {
      cluster_number: clusters,
    })
    expect([status, body]).toEqual([201, { train_task_id: expect.any(String) }])
    const poll = () => this.get<Training>(`/api/train?train_task_id=${body.train_task_id}`)
    await expect.poll(async () => (await poll()).status, slow).toMatch(/SUCCESS|FAILURE/)
    return { id: body.train_task_id, training: await poll() }
  }

  async predict(row: Row): Promise<number | null> {
    return (await this.send<{ predicted_cluster: number | null }>('POST', '/api/predict', row)).body
      .predicted_cluster
  }
}

const keyOf = (row: Row): string => [row.sepal_len, row.sepal_width, row.petal_len, row.petal_width].join()

describe.each<Mode>(['embedded', 'distributed'])('%s', (mode) => {
  let platform: Platform
  let client: ArticlesClient

  beforeAll(async () => {
    platform = await Platform.create(mode)
    Object.assign(platform.env, { CELERIAC_REGISTRATION: 'open', CELERIAC_REGISTRATION_ROLE: 'editor' })
    await platform.start()
    client = new ArticlesClient(platform.schedulers[0]!.url)
  })
  afterAll(() => platform?.destroy())

  test('register, log in, change the table, train, poll, predict', async () => {
    const account = { username: 'lightsong', email: 'l@example.org', password: 'machine learning' }
    expect(await client.send('GET', '/api/iris/')).toMatchObject({ status: 401 })
    expect(await client.send('POST', '/api/auth/register', account)).toMatchObject({
      status: 200,
      body: { user: { username: 'lightsong', email: 'l@example.org' } },
    })
    const { body: login } = await client.send<{ token: string }>('POST', '/api/auth/login_extend', account)
    client.token = login.token

    const known = await client.get<readonly Row[]>('/api/iris/')
    expect(known).toHaveLength(150)
    expect(await client.predict(flower)).toBeNull()

    const { body: made } = await client.send<{ id: number }>('POST', '/api/iris/', {
      ...flower,
      category: '',
    })
    expect(await client.send('PATCH', `/api/iris/${made.id}/`, { category: 'x' })).toMatchObject({
      status: 200,
      body: { id: made.id, category: 'x' },
    })
    expect((await client.send('DELETE', `/api/iris/${made.id}/`)).status).toBe(204)

    const { id, training } = await client.train(3)
    expect(training.status, JSON.stringify(training)).toBe('SUCCESS')
    const { result } = training
    expect(result.map(keyOf)).toEqual(known.map(keyOf))
    const sizes = [0, 1, 2].map((cluster) => result.filter((row) => row.cluster === cluster).length)
    expect(sizes.toSorted((a, b) => a - b)).toEqual([38, 50, 62])

    const { sidecar } = await platform.api.json<{
      sidecar: { metrics: Record<string, number>; summary: { centres: number[][] } }
    }>('GET', `/api/v1/runs/${id}/operators/kmeans/outputs/0`)
    expect(sidecar.metrics['inertia']).toBeCloseTo(78.940841, 6)
    const centres = [
      [5.006, 3.418, 1.464, 0.244],
      [5.901613, 2.748387, 4.393548, 1.433871],
      [6.85, 3.073684, 5.742105, 2.071053],
    ]
    expect(sidecar.summary.centres.toSorted(([a = 0], [b = 0]) => a - b)).toEqual(
      centres.map((centre) => centre.map((value) => expect.closeTo(value, 6))),
    )

    // The row nearest to what is asked is a setosa: the first of the table is one.
    const asked = [flower, ...[0, 50, 77, 100, 149].map((index) => known[index]!)]
    const clustersOf = (rows: Training['result']) =>
      [0, 0, 50, 77, 100, 149].map((index) => rows[index]!.cluster)
    const predicted = () => Promise.all(asked.map((row) => client.predict(row)))
    await expect.poll(predicted, slow).toEqual(clustersOf(result))

    // What is trained next is what answers next, without anybody doing anything for it.
    const { training: next } = await client.train('2')
    expect(clustersOf(next.result)).not.toEqual(clustersOf(result))
    await expect.poll(predicted, slow).toEqual(clustersOf(next.result))

    expect((await client.send('POST', '/api/auth/logout/', null)).status).toBe(204)
    expect((await client.send('GET', '/api/auth/user')).status).toBe(401)
  })

  test.each([0, 151, 'abc'])('%j clusters are refused before anything starts', async (clusters) => {
    client.token = 'test-token'
    expect(await client.send('POST', '/api/train', { cluster_number: clusters })).toMatchObject({
      status: 400,
      body: { cluster_number: [expect.any(String)] },
    })
  })

  if (mode === 'embedded') return

  test('clients that read JSON inside of JSON are served beside', async () => {
    await platform.startScheduler({ CELERIAC_COMPAT_DOUBLE_JSON: 'true' })
    const old = new ArticlesClient(platform.schedulers.at(-1)!.url, (text) =>
      JSON.parse(JSON.parse(text) as string),
    )
    old.token = 'test-token'
    const { training } = await old.train('3')
    expect([training.status, training.result.length]).toEqual(['SUCCESS', 150])
    const { status, body } = await old.send<{ predicted_cluster: number }>('POST', '/api/predict', flower)
    expect([status, body]).toEqual([201, { predicted_cluster: expect.any(Number) }])
  })
})
