import type { OperatorAttempt } from '@celeriac/core'
import { artifactLayout, createLogger, fileUrlOf, pathOf, readLogPage, silentLogger } from '@celeriac/runtime'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createArtifactLogs } from '../src/artifact-logs.ts'

async function setup() {
  const directory = await mkdtemp(path.join(tmpdir(), 'celeriac-logs-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const attempt: OperatorAttempt = {
    attemptId: 'a-1',
    runId: 'run-1',
    operatorId: '读数据',
    attempt: 2,
    algoName: 'algo_local_pass_through',
    params: {},
    inputs: {},
    outputPrefix: '',
    artifactRoot: fileUrlOf(directory),
    datasets: {},
    softTimeLimitS: null,
    timeLimitS: null,
  }
  return { attempt, logs: createArtifactLogs(silentLogger()) }
}

test('lines can be read where the API looks for them, once the log is closed', async () => {
  const { attempt, logs } = await setup()
  const line = (text: string) => ({ at: 1, stream: 'stdout', text }) as const
  logs.append(attempt, [line('一'), line('two')])
  logs.append(attempt, [line('three')])
  await logs.close(attempt)
  const file = pathOf(artifactLayout(attempt.artifactRoot).logUri(attempt))
  const page = await readLogPage(file, { offset: 0 })
  expect(page.lines.map(({ text }) => text)).toEqual(['一', 'two', 'three'])
})

test('an artifact root that is no directory of this machine costs the log, not the attempt', async () => {
  const { attempt, logs } = await setup()
  logs.append({ ...attempt, artifactRoot: 's3://bucket' }, [{ at: 1, stream: 'stdout', text: 'x' }])
  await logs.close(attempt)
})

test('a disk that takes nothing costs the log, not the attempt, and is reported once per attempt', async () => {
  const { attempt } = await setup()
  const records: string[] = []
  const logger = createLogger({
    service: 'worker',
    level: 'info',
    destination: { write: (line: string) => void records.push(line) },
  })
  const logs = createArtifactLogs(logger)
  // Where the directory of the logs should be, there is a file.
  await writeFile(path.join(pathOf(attempt.artifactRoot), 'runs'), '')
  logs.append(attempt, [{ at: 1, stream: 'stdout', text: 'x' }])
  await expect.poll(() => records).toHaveLength(1)
  logs.append(attempt, [{ at: 2, stream: 'stdout', text: 'y' }])
  await logs.close(attempt)
  expect(records).toHaveLength(1)
  expect(JSON.parse(records[0] ?? '')).toMatchObject({ level: 'error', task_id: attempt.attemptId })
})
