import { metricPrefix, type MetricDefinition } from '@celeriac/runtime'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export interface Sample {
  /** With the suffix of its kind: `_total`, `_bucket`, `_sum`, `_count`. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What a service exposes, by family: the name as it was declared, counters with their `_total`. */
export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly samples: readonly Sample[]
}

const script = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([
    {
        "name": family.name + ("_total" if family.type == "counter" else ""),
        "type": family.type,
        "samples": [{"name": s.name, "labels": s.labels, "value": repr(s.value)} for s in family.samples],
    }
    for family in text_string_to_metric_families(sys.stdin.read())
]))
`

/** Reads Prometheus' text format with Prometheus' own Python parser. Rejects when it is not that. */
export async function parseExposition(text: string): Promise<readonly MetricFamily[]> {
  const output = await runPython(script, text)
  const families = JSON.parse(output) as (Omit<MetricFamily, 'samples'> & {
    samples: (Omit<Sample, 'value'> & { value: string })[]
  })[]
  return families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => ({ ...sample, value: Number(sample.value) })),
  }))
}

/** The value of a series of ours, named without the prefix; undefined when it is not there. */
export function valueOf(
  families: readonly MetricFamily[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = families.flatMap((family) => family.samples)
  return samples.find(
    (sample) =>
      sample.name === metricPrefix + name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value
}

/** What is wrong with an exposition whose metrics are declared in these tables; empty when all is well. */
export function deviations(
  families: readonly MetricFamily[],
  definitions: readonly MetricDefinition[],
): string[] {
  const declared = new Map(definitions.map((definition) => [metricPrefix + definition.name, definition]))
  const exposed = new Map(families.map((family) => [family.name, family]))
  const undeclared = families.filter(({ name }) => name.startsWith(metricPrefix) && !declared.has(name))
  return [
    ...undeclared.map(({ name }) => `${name} is not declared`),
    ...[...declared].flatMap(([name, definition]) => {
      const family = exposed.get(name)
      return family === undefined ? [`${name} is not exposed`] : familyDeviations(family, definition)
    }),
  ]
}

function familyDeviations({ name, type, samples }: MetricFamily, definition: MetricDefinition): string[] {
  const labels = Object.entries(definition.labels ?? {})
  const names = labels.map(([label]) => label).toSorted()
  const own = samples.map((sample) => Object.keys(sample.labels).filter((label) => label !== 'le'))
  return [
    ...(type === definition.type ? [] : [`${name} is a ${type}, not a ${definition.type}`]),
    ...(own.every((each) => each.toSorted().join() === names.join())
      ? []
      : [`${name} has other labels than ${names.join()}`]),
    ...knownValues(definition)
      .filter(([label, value]) => !samples.some((sample) => sample.labels[label] === value))
      .map(([label, value]) => `${name} has no ${label}="${value}"`),
  ]
}

/** Pairs of label and value that exist from the start; where one label is open, no combination does. */
function knownValues({ labels = {} }: MetricDefinition): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = []
  for (const [label, values] of Object.entries(labels)) {
    if (values === 'open') return []
    for (const value of values) pairs.push([label, value])
  }
  return pairs
}

function runPython(program: string, input: string): Promise<string> {
  const venv = join(import.meta.dirname, '..', '..', '..', '.venv', 'bin', 'python')
  const python = process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')
  return new Promise((resolve, reject) => {
    const child = execFile(
      python,
      ['-c', program],
      { maxBuffer: 64 * 1_048_576 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`not an exposition: ${stderr}`, { cause: error }))
      },
    )
    child.stdin?.end(input)
  })
}
