import { nearestName } from '../nearest-name.ts'
import { type DocumentPath, formatPath } from './document-path.ts'
import { type Problem, type ProblemCode, problemCodes } from './problem.ts'
import { sourceLines } from './yaml/source-lines.ts'
import { offsetOf, type YamlNode } from './yaml/yaml-tree.ts'

export interface ProblemReport {
  readonly code: ProblemCode
  readonly message: string
  readonly path: DocumentPath
  /** Point at the key instead of the value. */
  readonly atKey?: boolean
  /** Where in the source, when the path cannot say it. */
  readonly offset?: number
  readonly suggestion?: string | undefined
}

/** Comparisons of names that one document may cost; beyond it problems come without a suggestion. */
const comparisonBudget = 200_000

/** Problems of each severity that are kept to choose the listed ones from, as a multiple of the limit. */
const keptPerListed = 10

/** Collects the problems of one document. */
export class ProblemList {
  readonly #source: string
  readonly #limit: number
  readonly #reports: (ProblemReport & { readonly offset: number })[] = []
  readonly #spoiled = new Set<string>()
  #root: YamlNode | undefined
  #comparisons = 0
  readonly #counts = { error: 0, warning: 0 }

  constructor(source: string, limit: number) {
    this.#source = source
    this.#limit = limit
  }

  /** From now on paths are looked up in this tree. */
  locateIn(root: YamlNode): void {
    this.#root = root
  }

  get hasErrors(): boolean {
    return this.#counts.error > 0
  }

  /**
   * Notes that the value at `path` could not be read and stands as null: what is later said about it is left out.
   * The problem itself must have been added before.
   */
  spoil(path: DocumentPath): void {
    for (let length = path.length; length > 0; length -= 1) {
      this.#spoiled.add(`${length === path.length ? 'at' : 'below'} ${formatPath(path.slice(0, length))}`)
    }
  }

  /** True when a value at or below `path` could not be read. */
  isSpoiled(path: DocumentPath): boolean {
    const place = formatPath(path)
    return this.#spoiled.has(`at ${place}`) || this.#spoiled.has(`below ${place}`)
  }

  /** True when further problems would only be counted: reading on serves nobody. */
  get isFull(): boolean {
    return this.#counts.error > this.#limit * keptPerListed
  }

  add(report: ProblemReport): void {
    if (this.#spoiled.size > 0 && this.#spoiled.has(`at ${formatPath(report.path)}`)) return
    const { severity } = problemCodes[report.code]
    this.#counts[severity] += 1
    if (this.#counts[severity] > this.#limit * keptPerListed) return
    const part = report.atKey === true ? 'key' : 'value'
    const offset = report.offset ?? (this.#root === undefined ? 0 : offsetOf(this.#root, report.path, part))
    this.#reports.push({ ...report, offset })
  }

  /** The nearest candidate, as long as this document's budget for comparisons lasts. */
  nearest(name: string, candidates: ReadonlySet<string> | readonly string[]): string | undefined {
    this.#comparisons += 'size' in candidates ? candidates.size : candidates.length
    return this.#comparisons > comparisonBudget ? undefined : nearestName(name, candidates)
  }

  /** All problems in the order of the source; errors first where there are too many. */
  toProblems(): readonly Problem[] {
    const positionOf = sourceLines(this.#source)
    const toProblem = (report: ProblemReport & { readonly offset: number }): Problem => ({
      code: report.code,
      severity: problemCodes[report.code].severity,
      message: report.message,
      ...positionOf(report.offset),
      path: formatPath(report.path),
      ...(report.suggestion === undefined ? {} : { suggestion: report.suggestion }),
    })
    const shown = this.#reports.length > this.#limit ? this.#errorsFirst() : this.#reports
    const sorted = shown.toSorted((a, b) => a.offset - b.offset).map(toProblem)
    const hidden = this.#counts.error + this.#counts.warning - shown.length
    if (hidden === 0) return sorted
    const last = sorted.at(-1)
    return [
      ...sorted,
      {
        code: 'too_many_problems',
        severity: 'error',
        message: `${hidden} more problems are not listed; put these right first`,
        line: last?.line ?? 1,
        column: last?.column ?? 1,
        path: '',
      },
    ]
  }

  #errorsFirst(): readonly (ProblemReport & { readonly offset: number })[] {
    const weight = (report: ProblemReport): number => (problemCodes[report.code].severity === 'error' ? 0 : 1)
    return this.#reports
      .toSorted((a, b) => weight(a) - weight(b) || a.offset - b.offset)
      .slice(0, this.#limit)
  }
}
