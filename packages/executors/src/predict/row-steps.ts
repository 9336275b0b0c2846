/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import { requireSound } from './model-numbers.ts'
import type { RowStep, ScorerFile } from './scorer-file.ts'

/** One row on its way through the steps: missing is NaN among the numbers, null among the texts. */
export interface Registers {
  readonly numbers: Float64Array
  readonly texts: (string | null)[]
}

/** A value that a step refuses. */
export interface Refusal {
  readonly column: string
  readonly expected: string
  readonly got: unknown
}

/** Changes the registers in place. */
export type RowProgram = (row: Registers) => Refusal | null

/** What Arrow trims in `utf8_trim_whitespace`; not quite what `String.trim` does. */
const nothingButSpace =
  // oxlint-disable-next-line no-control-regex -- control characters are the point
  /^[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/

/** The steps of a scorer as one function; each column's tables are built once, here. */
export function compileSteps({ steps, registers }: Pick<ScorerFile, 'steps' | 'registers'>): RowProgram {
  const programs: RowProgram[] = []
  for (const run of runsOf(steps)) {
    for (const step of run) {
      const read = step.op.endsWith('_text') ? registers.texts : registers.numbers
      requireSound(step.at < read && (!('to' in step) || step.to < registers.numbers), `the step ${step.op}`)
    }
    programs.push(run[0]!.op === 'standardize' ? standardize(run as Standardize[]) : compile(run[0]!))
  }
  return (row) => {
    for (const program of programs) {
      const refusal = program(row)
      if (refusal !== null) return refusal
    }
    return null
  }
}

type Standardize = Extract<RowStep, { op: 'standardize' }>

/** Each step by itself, but standardised columns in a row together: there are often dozens. */
function runsOf(steps: readonly RowStep[]): RowStep[][] {
  const runs: RowStep[][] = []
  for (const step of steps) {
    const last = runs.at(-1)
    if (step.op === 'standardize' && last?.[0]?.op === 'standardize') last.push(step)
    else runs.push([step])
  }
  return runs
}

function standardize(steps: readonly Standardize[]): RowProgram {
  const at = Int32Array.from(steps, (step) => step.at)
  const to = Int32Array.from(steps, (step) => step.to)
  const means = Float64Array.from(steps, ({ mean }) => mean)
  const scales = Float64Array.from(steps, ({ scale }) => scale)
  return ({ numbers }) => {
    for (let index = 0; index < at.length; index++)
      numbers[to[index]!] = (numbers[at[index]!]! - means[index]!) / scales[index]!
    return null
  }
}

function compile(step: Exclude<RowStep, Standardize> | RowStep): RowProgram {
  switch (step.op) {
    case 'blank_number': {
      const { at } = step
      const tokens = new Set(step.tokens)
      return ({ numbers }) => {
        if (tokens.has(numbers[at]!)) numbers[at] = NaN
        return null
      }
    }
    case 'blank_text': {
      const { at, spaces } = step
      const tokens = new Set(step.tokens)
      return ({ texts }) => {
        const text = texts[at]!
        if (text !== null && (tokens.has(text) || (spaces && nothingButSpace.test(text)))) texts[at] = null
        return null
      }
    }
    case 'mark_number': {
      const { at, to } = step
      return ({ numbers }) => {
        numbers[to] = Number.isNaN(numbers[at]!) ? 1 : 0
        return null
      }
    }
    case 'mark_text': {
      const { at, to } = step
      return ({ numbers, texts }) => {
        numbers[to] = texts[at] === null ? 1 : 0
        return null
      }
    }
    case 'fill_number': {
      const { at, value } = step
      return ({ numbers }) => {
        if (Number.isNaN(numbers[at]!)) numbers[at] = value
        return null
      }
    }
    case 'fill_text': {
      const { at, value } = step
      return ({ texts }) => {
        texts[at] ??= value
        return null
      }
    }
    case 'encode_number': {
      const { at } = step
      const codes = codesOf<number>(step.values)
      return encode(step, ({ numbers }) => {
        const value = numbers[at]!
        return { value: Number.isNaN(value) ? null : value, code: codes.get(value) }
      })
    }
    case 'encode_text': {
      const { at } = step
      const codes = codesOf<string | null>(step.values)
      return encode(step, ({ texts }) => ({ value: texts[at]!, code: codes.get(texts[at]!) }))
    }
    case 'standardize':
      return standardize([step])
  }
}

/** The first of equal values counts. */
function codesOf<Value>(values: readonly Value[]): ReadonlyMap<Value, number> {
  const codes = new Map<Value, number>()
  values.forEach((value, code) => {
    if (!codes.has(value)) codes.set(value, code)
  })
  return codes
}

function encode(
  { to, column, unknown }: Extract<RowStep, { op: 'encode_number' | 'encode_text' }>,
  read: (row: Registers) => { readonly value: string | number | null; readonly code: number | undefined },
): RowProgram {
  return (row) => {
    const { value, code } = read(row)
    if (code === undefined && unknown === null)
      return { column, expected: 'a value that the model knows', got: value }
    row.numbers[to] = code ?? unknown!
    return null
  }
}
