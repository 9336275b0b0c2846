/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import type { CheckedRow, Prediction, RowProblem } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { answersOf } from './answers.ts'
import { kmeansEvaluator } from './kmeans-scorer.ts'
import { linearEvaluator } from './linear-scorer.ts'
import { linkOf, widthOf } from './links.ts'
import { requireSound, type ModelEvaluator } from './model-numbers.ts'
import { compileSteps, type Registers } from './row-steps.ts'
import type { ScorerFile } from './scorer-file.ts'
import type { Scorer } from './scorer.ts'
import { averagedEvaluator, boostedEvaluator } from './tree-scorer.ts'

/** More are not told; as many as `checkRows` tells. */
const mostProblems = 20

/** What a compiled scorer takes beside the numbers of its model: closures, maps, buffers. */
const overheadBytes = 16_384

/** Numbers of a row can be so large that the model overflows; JSON has no word for what comes out. */
const finiteAnswer = 'a row for which the answer of the model is finite'
const isNotFinite = (value: number): boolean => !Number.isFinite(value)

type ProblemOfRow = Omit<RowProblem, 'path'> & { readonly column: string | null }

/** Compiles a scorer. Throws ScorerMalformed when the file does not fit together. */
export function buildScorer(file: ScorerFile): Scorer {
  const { inputs, loads, registers, features } = file
  requireSound(loads.length === inputs.length, 'loads')
  for (const [index, { type }] of inputs.entries())
    requireSound(loads[index]! < (type === 'string' ? registers.texts : registers.numbers), 'loads')
  requireSound(file.feature_names.length === features.length, 'feature_names')
  requireSound(
    features.every((register) => register < registers.numbers),
    'features',
  )
  const evaluator = evaluatorOf(file)
  const linkName = 'link' in file.model ? file.model.link : 'identity'
  const link = linkOf[linkName]
  const width = widthOf(linkName, file.model.outputs)
  const answerOf = answersOf(file, width)
  const program = compileSteps(file)

  // One row at a time passes through these; scoring is synchronous.
  const row: Registers = {
    numbers: new Float64Array(registers.numbers),
    texts: Array.from<string | null>({ length: registers.texts }).fill(null),
  }
  const read = Int32Array.from(features)
  const gathered = new Float64Array(features.length)
  const outputs = new Float64Array(file.model.outputs)
  const scores = new Float64Array(width)

  const load = (cells: CheckedRow): void => {
    for (let index = 0; index < loads.length; index++) {
      const cell = cells[index] ?? null
      if (inputs[index]!.type === 'string') row.texts[loads[index]!] = cell as string | null
      else row.numbers[loads[index]!] = cell === null ? NaN : Number(cell)
    }
  }

  const problemOf = (cells: CheckedRow): ProblemOfRow | null => {
    load(cells)
    const refusal = program(row)
    if (refusal !== null) return { ...refusal, got: JSON.stringify(refusal.got).slice(0, 100) }
    for (let index = 0; index < read.length; index++) {
      const value = row.numbers[read[index]!]!
      // Not a comparison with NaN: that would let NaN through.
      if (!(value < evaluator.below && value > -evaluator.below))
        return {
          column: null,
          expected: `a number that the model can take as "${file.feature_names[index]!}"`,
          got: Number.isNaN(value) ? 'nothing' : String(value),
        }
      gathered[index] = value
    }
    return null
  }

  const score = (rows: readonly CheckedRow[]): Prediction[] => {
    const answers: Prediction[] = []
    const problems: RowProblem[] = []
    const report = (index: number, { column, expected, got }: ProblemOfRow): void => {
      if (problems.length < mostProblems)
        problems.push({ path: `rows[${index}]${column === null ? '' : `.${column}`}`, expected, got })
    }
    for (let index = 0; index < rows.length; index++) {
      const problem = problemOf(rows[index]!)
      if (problem === null) {
        if (problems.length > 0) continue
        evaluator.evaluate(gathered, outputs)
        link(outputs, scores)
        if (file.answer === 'clustering' || scores.every(Number.isFinite)) answers.push(answerOf(scores))
        else report(index, { column: null, expected: finiteAnswer, got: String(scores.find(isNotFinite)) })
      } else report(index, problem)
    }
    if (problems.length === 0) return answers
    throw new AppError('VALIDATION_ROW_INVALID', "the rows do not fit the model's signature", {
      details: { fields: problems.map((problem) => ({ ...problem })) },
    })
  }

  return {
    score,
    bytes: evaluator.bytes + overheadBytes + 64 * (inputs.length + file.steps.length) + tableBytes(file),
  }
}

function evaluatorOf({ model, features }: ScorerFile): ModelEvaluator {
  switch (model.kind) {
    case 'linear':
      return linearEvaluator(model, features.length)
    case 'boosted':
      return boostedEvaluator(model, features.length)
    case 'averaged':
      return averagedEvaluator(model, features.length)
    case 'kmeans':
      return kmeansEvaluator(model, features.length)
  }
}

const tableBytes = ({ steps }: ScorerFile): number =>
  steps.reduce((sum, step) => sum + ('values' in step ? step.values.length * 64 : 0), 0)
