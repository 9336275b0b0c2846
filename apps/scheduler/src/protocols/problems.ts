import type { ProblemView } from '@celeriac/contracts'
import { fieldProblem, invalidInput } from '../http/check-input.ts'

/** More are not told: whoever sends thousands of wrong values has one fault, not thousands. */
const mostProblems = 20

/** Problems of one request, told all at once. */
export class Problems {
  readonly #found: ProblemView[] = []
  #count = 0

  /** `path`: `inputs[0].data[3]`. */
  add(path: string, message: string): void {
    this.#count += 1
    if (this.#found.length < mostProblems) this.#found.push(fieldProblem(path, message))
  }

  get count(): number {
    return this.#count
  }

  /** Whether no more need be looked for. */
  get isFull(): boolean {
    return this.#count >= mostProblems
  }

  /** Throws VALIDATION_BODY_INVALID when there are any. */
  throwIfAny(message: string): void {
    if (this.#count > 0) throw invalidInput(message, this.#found)
  }
}
