import type { JsonObject } from '@celeriac/core'
import type { AlgorithmCatalog, DagDocument } from '@celeriac/contracts'
import type { Training, TrainingSplit } from './training.ts'
import { documentOf, type Step } from './training-steps.ts'

/** Where a table comes from. */
interface Source {
  readonly from: string
  readonly fromPort: number
}

const at = (port: number, source: Source): Step['inputs'][number] => ({ port, ...source })

/**
 * The DAG of a training: read → [split] → [steps] → train → [predict → evaluate] → [deploy]. Rows are held out before the
 * steps are fitted, so that nothing of them gets into the model; they go through the fitted steps afterwards, as rows of
 * requests do. The model is deployed when it was evaluated.
 */
export function trainDocument(training: Training, algorithms: Pick<AlgorithmCatalog, 'get'>): DagDocument {
  return documentOf(`train-${training.name}`, stepsOf(training), algorithms)
}

function stepsOf({
  trainer,
  dataset,
  params,
  columns,
  transforms,
  split,
  evaluation,
  deploy,
}: Training): Step[] {
  const steps: Step[] = []
  const add = (id: string, algorithm: string, given: JsonObject, inputs: Step['inputs']): Source => {
    steps.push({ id, algorithm, params: given, inputs })
    return { from: id, fromPort: 0 }
  }
  const reading = { data_id: dataset, ...(columns === null ? {} : { columns: [...columns] }) }
  let table = add('read', 'algo_local_read_file', reading, [])
  let held: Source | null = null
  if (split !== null) {
    table = add('split', 'algo_local_split_data', splitParams(split), [at(0, table)])
    held = { from: 'split', fromPort: 1 }
  }
  for (const [index, { type, algorithm, params: given }] of transforms.entries()) {
    const id = transforms.findIndex((other) => other.type === type) === index ? type : `${type}_${index + 1}`
    table = add(id, algorithm, given, [at(0, table)])
    if (held !== null && evaluation !== null)
      held = add(`${id}_held_out`, algorithm, given, [at(0, held), at(1, { from: id, fromPort: 1 })])
  }
  const model = add('train', trainer.algo_name, params, [at(0, table)])
  let report: Source | null = null
  if (evaluation !== null) {
    const scored = add('predict', 'algo_local_model_predict', {}, [at(0, held ?? table), at(1, model)])
    const inputs = [at(0, scored), ...(isClusterEvaluator(evaluation.evaluator) ? [at(1, model)] : [])]
    report = add('evaluate', evaluation.evaluator, evaluation.params, inputs)
  }
  if (deploy !== undefined) {
    const { name, alias, description } = deploy
    const given = {
      name,
      ...(alias === undefined ? {} : { alias }),
      ...(description === undefined ? {} : { description }),
    }
    add('deploy', 'algo_local_model_deploy', given, [
      at(0, model),
      ...(report === null ? [] : [at(1, report)]),
    ])
  }
  return steps
}

const isClusterEvaluator = (name: string): boolean => name === 'algo_local_cluster_eval'

/** The parameters of the splitting operator are those of the articles. */
function splitParams(split: TrainingSplit): JsonObject {
  if ('column' in split)
    return { split_type: 3, ext1: split.column, ext2: split.modulus, remainder: split.remainder }
  const { test, seed, stratify } = split
  return {
    split_type: 1,
    // 1 - 0.2 is 0.8, and not 0.7999999999999999.
    ext1: Number((1 - test).toFixed(12)),
    seed,
    ...(stratify === undefined ? {} : { stratify }),
  }
}
