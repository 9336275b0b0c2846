import { load } from 'js-yaml'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../support/processes.ts'

export const prometheusDir = join(root, 'deploy', 'prometheus')

const recordingSchema = z.strictObject({ record: z.string(), expr: z.string() })
const alertSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
})
const filesOf = <T extends z.ZodType>(rule: T) =>
  z.strictObject({
    groups: z.array(
      z.strictObject({ name: z.string(), interval: z.string().optional(), rules: z.array(rule) }),
    ),
  })

const testsSchema = z.looseObject({
  tests: z.array(
    z.looseObject({
      name: z.string(),
      alert_rule_test: z.array(
        z.looseObject({ alertname: z.string(), exp_alerts: z.array(z.unknown()).default([]) }),
      ),
    }),
  ),
})

const read = <T extends z.ZodType>(file: string, schema: T): z.infer<T> =>
  schema.parse(load(readFileSync(join(prometheusDir, file), 'utf8')))

/** The rules of deploy/prometheus. */
export const readRules = () => ({
  recording: read('recording.rules.yml', filesOf(recordingSchema)).groups.flatMap(({ rules }) => rules),
  alerts: read('alerts.rules.yml', filesOf(alertSchema)).groups.flatMap(({ rules }) => rules),
})

export const ruleTestFiles = (): readonly string[] =>
  readdirSync(join(prometheusDir, 'tests')).map((file) => join('tests', file))

/** What promtool is told to expect: which alert fires, or stays quiet, in which test. */
export const readRuleTests = () =>
  ruleTestFiles().flatMap((file) =>
    read(file, testsSchema).tests.flatMap(({ name, alert_rule_test: checks }) =>
      checks.map((check) => ({ name, alert: check.alertname, fires: check.exp_alerts.length > 0 })),
    ),
  )
