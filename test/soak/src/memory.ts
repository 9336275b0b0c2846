/** Resident memory over the course of a soak. Pure. */

export interface MemorySample {
  /** Share of the tasks that had ended, 0 … 1. */
  readonly progress: number
  readonly mib: number
}

export interface MemoryCourse {
  readonly process: string
  readonly samples: number
  readonly peakMib: number
  /** From the second to the last quarter of the process's life in the soak, medians; null: it did not live long enough. */
  readonly growthMib: number | null
}

/** A process that has seen fewer tasks is still warming up: its heap grows to the size that its work needs. */
const leastTasks = 20_000
/** Fewer samples in a quarter say nothing. */
const leastSamples = 4

/** @param tasks of the whole soak */
export function courseOf(process: string, samples: readonly MemorySample[], tasks: number): MemoryCourse {
  const from = samples[0]?.progress ?? 0
  const life = (samples.at(-1)?.progress ?? 0) - from
  const between = (start: number, end: number): readonly number[] =>
    samples
      .filter(({ progress }) => progress >= from + start * life && progress <= from + end * life)
      .map(({ mib }) => mib)
  const second = between(0.25, 0.5)
  const last = between(0.75, 1)
  const isLong = life * tasks >= leastTasks && Math.min(second.length, last.length) >= leastSamples
  return {
    process,
    samples: samples.length,
    peakMib: Math.round(Math.max(0, ...samples.map(({ mib }) => mib))),
    growthMib: isLong ? Math.round(median(last) - median(second)) : null,
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
