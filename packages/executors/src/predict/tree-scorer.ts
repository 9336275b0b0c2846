/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import { requireSound, ScorerMalformed, type ModelEvaluator } from './model-numbers.ts'
import type { NumbersOf, PackedTrees } from './scorer-file.ts'

/** From here on a number is infinite in float32; scikit-learn refuses it. */
const float32Overflow = 2 ** 128 - 2 ** 103

/** Gradient boosting: tree after tree adds its leaf to one output. */
export function boostedEvaluator(model: NumbersOf<'boosted'>, features: number): ModelEvaluator {
  const { trees, outputs: count } = model
  requireSound(model.base.length === count && trees.count % count === 0, 'base')
  checkTrees(trees, features, 1)
  const base = Float64Array.from(model.base)
  const leafOf = leafFinder(trees, features)
  return {
    below: float32Overflow,
    bytes: bytesOf(trees),
    evaluate: (row, outputs) => {
      outputs.set(base)
      leafOf.load(row)
      for (let tree = 0, output = 0; tree < trees.count; tree++) {
        outputs[output] = outputs[output]! + trees.values[leafOf.find(tree)]!
        if (++output === count) output = 0
      }
    },
  }
}

/** A tree or a forest: the mean of the leaves, summed in the order of the trees. */
export function averagedEvaluator(model: NumbersOf<'averaged'>, features: number): ModelEvaluator {
  const { trees, outputs: count } = model
  checkTrees(trees, features, count)
  const leafOf = leafFinder(trees, features)
  return {
    below: float32Overflow,
    bytes: bytesOf(trees),
    evaluate: (row, outputs) => {
      outputs.fill(0)
      leafOf.load(row)
      for (let tree = 0; tree < trees.count; tree++) {
        const at = leafOf.find(tree) * count
        for (let output = 0; output < count; output++)
          outputs[output] = outputs[output]! + trees.values[at + output]!
      }
      for (let output = 0; output < count; output++) outputs[output] = outputs[output]! / trees.count
    },
  }
}

interface LeafFinder {
  load(row: Float64Array): void
  /** Number of the leaf that the loaded row falls into. */
  find(tree: number): number
}

function leafFinder({ roots, feature, threshold, left, right }: PackedTrees, features: number): LeafFinder {
  const row32 = new Float32Array(features)
  return {
    load: (row) => row32.set(row),
    find: (tree) => {
      let node = roots[tree]!
      for (let at = feature[node]!; at >= 0; at = feature[node]!)
        node = row32[at]! <= threshold[node]! ? left[node]! : right[node]!
      return left[node]!
    },
  }
}

/**
 * The nodes of a tree stand together, children behind their parents: every walk ends at a leaf that exists, and a row
 * costs at most one step per node, whatever the file says.
 */
function checkTrees(trees: PackedTrees, features: number, width: number): void {
  const { count, roots, feature, threshold, left, right, values } = trees
  const nodes = feature.length
  const sameLength = [threshold, left, right].every(({ length }) => length === nodes)
  requireSound(sameLength && roots.length === count && nodes > 0, 'the lengths of the tree arrays')
  const leaves = Math.floor(values.length / width)
  requireSound(roots[0] === 0, 'roots')
  for (let tree = 0; tree < count; tree++) {
    const end = tree + 1 < count ? roots[tree + 1]! : nodes
    requireSound(end > roots[tree]! && end <= nodes, 'roots')
    for (let node = roots[tree]!; node < end; node++) {
      const at = feature[node]!
      const [first, second] = [left[node]!, right[node]!]
      const isSound =
        at < 0
          ? first >= 0 && first < leaves
          : at < features && first > node && first < end && second > node && second < end
      // Not `requireSound`: its text would be made for each of a million nodes.
      if (!isSound) throw new ScorerMalformed(`the scorer is malformed: node ${node}`)
    }
  }
}

const bytesOf = ({ roots, feature, threshold, left, right, values }: PackedTrees): number =>
  [roots, feature, threshold, left, right, values].reduce((sum, { byteLength }) => sum + byteLength, 0)
