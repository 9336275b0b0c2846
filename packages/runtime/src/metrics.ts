import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * Metrics are declared as data, one table per package, so that the documentation can be compared with the code. Names
 * are given without the prefix; labels list the values that are known beforehand (they start at 0) or are 'open'.
 */
export interface MetricDefinition<Labels extends string = string> {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Snake case with the base unit as suffix, without `celeriac_`; counters end in `_total`. */
  readonly name: string
  readonly help: string
  readonly labels?: Readonly<Record<Labels, readonly string[] | 'open'>>
  /** Histograms: upper bounds in the metric's unit, ascending. Default: 1 ms … 10 min. */
  readonly buckets?: readonly number[]
}

export type MetricTable = Readonly<Record<string, MetricDefinition>>

type LabelsOf<D extends MetricDefinition> =
  D extends Readonly<{ labels: infer L }> ? Extract<keyof L, string> : never

/** prom-client's own objects: on hot paths keep the child that `metric.labels(…)` returns. */
export type MetricsOf<T extends MetricTable> = {
  readonly [Key in keyof T]: T[Key]['type'] extends 'counter'
    ? Counter<LabelsOf<T[Key]>>
    : T[Key]['type'] extends 'gauge'
      ? Gauge<LabelsOf<T[Key]>>
      : Histogram<LabelsOf<T[Key]>>
}

export const metricPrefix = 'celeriac_'
const metricName = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
/** In seconds: from a no-op operator to a long training. */
const defaultBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600,
]

export interface MetricsRegistry {
  /** Creates the metrics of a table; those that exist under the same name are given back, so tables may be shared. */
  register<const T extends MetricTable>(table: T): MetricsOf<T>
  /**
   * Calls `collect` before each exposition: for gauges that are read rather than counted. It must settle within a second
   * or so, since the scrape waits for it, and must not reject.
   */
  onExpose(collect: () => void | Promise<void>): void
  /** The text that Prometheus reads. */
  expose(): Promise<string>
  readonly contentType: string
}

type AnyMetric = Counter | Gauge | Histogram

function createMetric(definition: MetricDefinition, registry: Registry): AnyMetric {
  if (!metricName.test(definition.name))
    throw new TypeError(`metric name ${definition.name} is not snake case`)
  if ((definition.type === 'counter') !== definition.name.endsWith('_total')) {
    throw new TypeError(`metric ${definition.name}: counters, and only they, end in _total`)
  }
  const options = {
    name: metricPrefix + definition.name,
    help: definition.help,
    labelNames: Object.keys(definition.labels ?? {}),
    registers: [registry],
  }
  switch (definition.type) {
    case 'counter':
      return new Counter(options)
    case 'gauge':
      return new Gauge(options)
    case 'histogram':
      return new Histogram({ ...options, buckets: [...(definition.buckets ?? defaultBuckets)] })
  }
}

/** Every combination of the known label values; none when a label is open. */
function knownLabels(definition: MetricDefinition): readonly Record<string, string>[] {
  let combinations: readonly Record<string, string>[] = [{}]
  for (const [label, values] of Object.entries(definition.labels ?? {})) {
    if (values === 'open') return []
    combinations = combinations.flatMap((known) => values.map((value) => ({ ...known, [label]: value })))
  }
  return combinations
}

function startAtZero(metric: AnyMetric, definition: MetricDefinition): void {
  for (const labels of knownLabels(definition)) {
    if (metric instanceof Counter) metric.inc(labels, 0)
    else if (metric instanceof Gauge) metric.set(labels, 0)
    else metric.zero(labels)
  }
}

/** A registry of its own, with Node's process metrics unless `processMetrics` is false. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): MetricsRegistry {
  const registry = new Registry()
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry })
  const collectors: (() => void | Promise<void>)[] = []
  const metricOf = (definition: MetricDefinition): AnyMetric => {
    const existing = registry.getSingleMetric(metricPrefix + definition.name)
    if (existing !== undefined) return existing as AnyMetric
    const metric = createMetric(definition, registry)
    startAtZero(metric, definition)
    return metric
  }
  return {
    register: <const T extends MetricTable>(table: T) =>
      Object.fromEntries(
        Object.entries(table).map(([key, definition]) => [key, metricOf(definition)]),
      ) as MetricsOf<T>,
    onExpose: (collect) => {
      collectors.push(collect)
    },
    expose: async () => {
      await Promise.all(collectors.map(async (collect) => collect()))
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

/** What both services say about themselves. */
export const serviceMetricTable = {
  build: {
    type: 'gauge',
    name: 'build_info',
    help: 'Always 1; the labels say what runs. `standalone` has one per service.',
    labels: { version: 'open', service: 'open' },
  },
} as const satisfies MetricTable

export function reportBuild(
  registry: MetricsRegistry,
  build: { readonly service: 'scheduler' | 'worker'; readonly version: string },
): void {
  registry.register(serviceMetricTable).build.set(build, 1)
}
