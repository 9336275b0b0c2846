/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import type { LinkName } from './scorer-file.ts'

/** Turns outputs into probabilities, or leaves a value; `probabilities` has one place per label. */
export type Link = (outputs: Float64Array, probabilities: Float64Array) => void

const logistic = (value: number): number => 1 / (1 + Math.exp(-value))

function two(second: number, probabilities: Float64Array): void {
  probabilities[0] = 1 - second
  probabilities[1] = second
}

function softmax(outputs: Float64Array, probabilities: Float64Array): void {
  let greatest = -Infinity
  for (const output of outputs) if (output > greatest) greatest = output
  let sum = 0
  for (let index = 0; index < outputs.length; index++)
    sum += probabilities[index] = Math.exp(outputs[index]! - greatest)
  for (let index = 0; index < outputs.length; index++) probabilities[index] = probabilities[index]! / sum
}

const pair = new Float64Array(2)

export const linkOf: Readonly<Record<LinkName, Link>> = {
  identity: (outputs, probabilities) => probabilities.set(outputs),
  logistic: (outputs, probabilities) => two(logistic(outputs[0]!), probabilities),
  half_logistic: (outputs, probabilities) => two(logistic(2 * outputs[0]!), probabilities),
  softmax,
  softmax_of_two: (outputs, probabilities) => {
    pair[0] = -outputs[0]!
    pair[1] = outputs[0]!
    softmax(pair, probabilities)
  },
  one_vs_rest: (outputs, probabilities) => {
    let sum = 0
    for (let index = 0; index < outputs.length; index++)
      sum += probabilities[index] = logistic(outputs[index]!)
    if (sum === 0) return
    for (let index = 0; index < outputs.length; index++) probabilities[index] = probabilities[index]! / sum
  },
}

/** Places in `probabilities` that a link fills from so many outputs. */
export const widthOf = (link: LinkName, outputs: number): number =>
  ['logistic', 'half_logistic', 'softmax_of_two'].includes(link) ? 2 : outputs
