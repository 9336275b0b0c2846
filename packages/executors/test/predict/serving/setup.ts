import type { Prediction } from '@celeriac/contracts'
import { silentLogger } from '@celeriac/runtime'
import { onTestFinished } from 'vitest'
import { ModelServer, type LoadedDeployment, type ModelServerOptions, type Scorer } from '@celeriac/executors'
import { fakePython } from '../../local/setup.ts'

/** Twice `x`; refuses rows whose `do` is `invalid`. */
export const doublingScorer: Scorer = {
  bytes: 1_000,
  score: (rows) => rows.map(([x]): Prediction => ({ predict_result: Number(x) * 2 })),
}

export const aDeployment = (uri: string, scorer: Scorer | null): LoadedDeployment => ({
  uri,
  name: uri.split('/')[3] ?? uri,
  signature: {
    inputs: [
      { name: 'x', type: 'number', nullable: false },
      { name: 'do', type: 'string', nullable: true },
    ],
    outputs: [],
  },
  scorer,
  report: {
    runtime: scorer === null ? 'python' : 'native',
    reason: null,
    maxDifference: null,
    tolerance: 1e-6,
    rows: 0,
  },
  sample: [[1, null]],
})

/** A server on the fake runner. Models under `native:` are scored in this process, all others in Python. */
export function aServer(options: Partial<ModelServerOptions> = {}) {
  const loads: string[] = []
  const server = new ModelServer({
    load: (uri) => {
      loads.push(uri)
      return Promise.resolve(aDeployment(uri, uri.startsWith('native:') ? doublingScorer : null))
    },
    python: fakePython,
    logger: silentLogger(),
    ...options,
    limits: { startTimeoutMs: 5_000, overrunMs: 200, ...options.limits },
  })
  onTestFinished(() => server.stop())
  return { server, loads }
}

export const ask = (
  server: ModelServer,
  modelUri: string,
  rows: readonly (readonly unknown[])[] = [[1, null]],
  inMs = 20_000,
) => server.predict({ modelUri, rows, columns: null, deadlineAt: Date.now() + inMs })
