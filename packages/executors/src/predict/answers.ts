/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import type { Prediction } from '@celeriac/contracts'
import type { JsonValue } from '@celeriac/core'
import { requireSound } from './model-numbers.ts'
import type { ScorerFile } from './scorer-file.ts'

/** The answer from probabilities, distances or a value; the keys of `Deployment.answers` in Python. */
export type AnswerOf = (scores: Float64Array) => Prediction

export function answersOf({ answer, labels, positive }: ScorerFile, width: number): AnswerOf {
  switch (answer) {
    case 'regression':
      requireSound(width === 1, 'a regression of several outputs')
      return (scores) => ({ predict_result: scores[0]! })
    case 'clustering':
      return (scores) => {
        const cluster = indexOfLeast(scores)
        return { predict_result: cluster, cluster }
      }
    case 'classification':
      requireSound(labels.length === width && (positive === null || positive < width), 'labels')
      return classAnswers(labels, positive)
  }
}

function classAnswers(labels: ScorerFile['labels'], positive: number | null): AnswerOf {
  const texts = labels.map(({ text }) => text)
  const values: readonly JsonValue[] = labels.map(({ value }) => value)
  // An assignment to this key would set the prototype and lose the label.
  requireSound(!texts.includes('__proto__'), 'a label named __proto__')
  return (scores) => {
    const probabilities: Record<string, number> = {}
    let best = 0
    for (let index = 0; index < texts.length; index++) {
      probabilities[texts[index]!] = scores[index]!
      if (scores[index]! > scores[best]!) best = index
    }
    return {
      predict_result: values[best]!,
      predict_probability: scores[positive ?? best]!,
      probabilities,
    }
  }
}

function indexOfLeast(distances: Float64Array): number {
  let least = 0
  for (let index = 1; index < distances.length; index++)
    if (distances[index]! < distances[least]!) least = index
  return least
}
