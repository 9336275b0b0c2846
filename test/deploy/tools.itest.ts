import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
// @ts-expect-error a plain script
import { ensurePrometheus } from '../../scripts/prometheus.mjs'
import { root } from '../support/processes.ts'
import { dockerfiles } from './dockerfile.ts'
import { prometheusDir, ruleTestFiles } from './rule-files.ts'

// What the tools of Docker and Prometheus themselves say about the files of deploy/. hadolint and docker-compose are in the
// Python test requirements: their packages carry the programs.
const execute = promisify(execFile)
const pythonTool = (name: string): string => join(dirname(process.env['CELERIAC_PYTHON'] ?? name), name)
const { promtool } = ensurePrometheus() as { promtool: string }

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-deploy-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** `docker compose config` with these secrets: the file as Docker would carry it out. */
async function composeConfig(secret: string): Promise<Compose> {
  const example = await readFile(join(root, 'deploy', '.env.example'), 'utf8')
  const file = join(directory, 'env')
  await writeFile(file, example.replaceAll(/=$/gm, `=${secret}`))
  const args = ['-f', join(root, 'deploy', 'compose.yaml'), '--env-file', file, 'config', '--format', 'json']
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory }
  const { stdout } = await execute(pythonTool('docker-compose'), args, { env, maxBuffer: 1 << 24 })
  return composeSchema.parse(JSON.parse(stdout))
}

const serviceSchema = z.looseObject({
  image: z.string(),
  ports: z.array(z.looseObject({ host_ip: z.string() })).default([]),
  healthcheck: z.looseObject({}).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  stop_grace_period: z.string().optional(),
  deploy: z
    .looseObject({ resources: z.looseObject({ limits: z.looseObject({ memory: z.string() }) }) })
    .optional(),
})
const composeSchema = z.looseObject({ services: z.record(z.string(), serviceSchema) })
type Compose = z.infer<typeof composeSchema>

test.each(dockerfiles)('hadolint finds nothing in the Dockerfile of the %s', async (name) => {
  const file = join(root, 'deploy', 'docker', `${name}.Dockerfile`)
  await expect(execute(pythonTool('hadolint'), [file])).resolves.toMatchObject({ stdout: '' })
})

test('docker compose refuses to start without secrets', async () => {
  await expect(composeConfig('')).rejects.toThrow(/required variable \w+ is missing a value/)
})

test('docker compose accepts the file; nothing is published beyond this machine', async () => {
  const { services } = await composeConfig('abc')
  const hosts = Object.values(services).flatMap(({ ports }) => ports.map(({ host_ip: host }) => host))
  expect(hosts.length).toBeGreaterThan(0)
  expect(new Set(hosts)).toEqual(new Set(['127.0.0.1']))
})

test('every service of the compose file that stays up is limited, and watched by a health check', async () => {
  const { services } = await composeConfig('abc')
  const { migrate: _, ...lasting } = services
  for (const [name, { image, healthcheck, deploy }] of Object.entries(lasting)) {
    expect(deploy?.resources.limits.memory, name).toBeDefined()
    // Our own images bring theirs.
    if (!image.startsWith('celeriac-')) expect(healthcheck, name).toBeDefined()
  }
})

test('Docker waits longer for a worker than the worker lets its attempts finish', async () => {
  const { worker } = (await composeConfig('abc')).services
  const drain = Number(worker?.environment['CELERIAC_DRAIN_TIMEOUT_S'])
  const [, minutes = '0', seconds = '0'] =
    /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(worker?.stop_grace_period ?? '') ?? []
  expect(drain).toBeGreaterThan(0)
  expect(Number(minutes) * 60 + Number(seconds)).toBeGreaterThan(drain + 10)
})

test('promtool accepts configuration and rules', async () => {
  const inDir = { cwd: prometheusDir }
  // Without --syntax-only it would look for the token where the container has it.
  await execute(promtool, ['check', 'config', '--syntax-only', 'prometheus.yml'], inDir)
  await execute(
    promtool,
    ['check', 'rules', '--lint=all', '--lint-fatal', 'recording.rules.yml', 'alerts.rules.yml'],
    inDir,
  )
})

test.each(ruleTestFiles())('the alerts fire and stay quiet as %s says', async (file) => {
  const { stdout } = await execute(promtool, ['test', 'rules', file], { cwd: prometheusDir })
  expect(stdout).toContain('SUCCESS')
})
