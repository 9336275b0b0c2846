/**
 * A canvas as data, for both sides of the differential tests: `buildShape` composes it with this package,
 * `python/canvas_oracle.py` with Celery.
 */
import type { TaskObject, TaskValue } from '../../src/message/task-value.ts'
import { chainNode } from '../../src/canvas/node.ts'
import {
  chain,
  chord,
  chunks,
  group,
  map,
  signature,
  Signature,
  starmap,
  type AnySignature,
} from '../../src/canvas/signature.ts'
import type { SignatureOptions } from '../../src/canvas/signature-dict.ts'
import type { StampingVisitor } from '../../src/canvas/stamp.ts'

export interface Decoration {
  readonly set?: SignatureOptions
  readonly link?: readonly Shape[]
  readonly link_error?: readonly Shape[]
  readonly stamp?: TaskObject
  /** Stamp with the visitor that says which of its hooks saw what. */
  readonly visit?: boolean
}

export type Shape = Decoration &
  (
    | {
        readonly t: 'task'
        readonly task: string
        readonly args?: readonly TaskValue[]
        readonly kwargs?: TaskObject
        readonly immutable?: boolean
      }
    /** `chain(of)`; `raw_chain` leaves out the upgrades that composing brings. */
    | { readonly t: 'chain' | 'raw_chain' | 'group'; readonly of: readonly Shape[] }
    | { readonly t: 'pipe'; readonly of: readonly [Shape, Shape] }
    | { readonly t: 'chord'; readonly of: readonly Shape[]; readonly body: Shape }
    | { readonly t: 'map' | 'starmap'; readonly task: string; readonly it: readonly TaskValue[] }
    | { readonly t: 'chunks'; readonly task: string; readonly it: readonly TaskValue[]; readonly n: number }
  )

export const task = (name: string, args: readonly TaskValue[] = [], more: object = {}): Shape => ({
  t: 'task',
  task: name,
  args,
  ...more,
})
export const chainShape = (...of: readonly Shape[]): Shape => ({ t: 'chain', of })
export const rawChain = (...of: readonly Shape[]): Shape => ({ t: 'raw_chain', of })
export const groupShape = (...of: readonly Shape[]): Shape => ({ t: 'group', of })
export const chordShape = (of: readonly Shape[], body: Shape): Shape => ({ t: 'chord', of, body })
export const pipeShape = (...of: readonly [Shape, Shape]): Shape => ({ t: 'pipe', of })

export const tellingVisitor: StampingVisitor = {
  onSignature: () => ({ on: 'signature', stamped_headers: ['on'] }),
  onGroupStart: () => ({ in_group: true, stamped_headers: ['in_group'] }),
  onChainStart: () => ({ in_chain: true, stamped_headers: ['in_chain'] }),
  onChordBody: () => ({ body: true, stamped_headers: ['body'] }),
  onCallback: () => ({ callback: true, stamped_headers: ['callback'] }),
  onErrback: () => ({ errback: true, stamped_headers: ['errback'] }),
}

export function buildShape(shape: Shape): AnySignature {
  let built: Signature<never, never> = bare(shape) as Signature<never, never>
  if (shape.set) built = built.set(shape.set)
  for (const callback of shape.link ?? [])
    built = built.link(buildShape(callback) as Signature<readonly [never]>)
  for (const errback of shape.link_error ?? []) built = built.onError(buildShape(errback))
  if (shape.stamp) built = built.stamp(shape.stamp)
  if (shape.visit) built = built.stamp(tellingVisitor)
  return built
}

function bare(shape: Shape): AnySignature {
  switch (shape.t) {
    case 'task': {
      const built = signature(shape.task, shape.args, shape.kwargs)
      return shape.immutable ? built.immutable() : built
    }
    case 'chain':
      // Python's `chain([x])` folds where `chain(x)` does not.
      return chain(chain(), ...shape.of.map(buildShape))
    case 'raw_chain':
      return Signature.ofNode(chainNode(shape.of.map((step) => buildShape(step).node)))
    case 'group':
      return group(...shape.of.map(buildShape))
    case 'pipe': {
      const [left, right] = shape.of
      return buildShape(left).pipe(buildShape(right) as Signature<readonly [unknown]>)
    }
    case 'chord':
      return chord(shape.of.map(buildShape), buildShape(shape.body) as Signature<readonly [unknown]>)
    case 'map':
      return map(signature<readonly [TaskValue]>(shape.task), shape.it)
    case 'starmap':
      return starmap(
        signature<readonly TaskValue[]>(shape.task),
        shape.it as readonly (readonly TaskValue[])[],
      )
    case 'chunks':
      return chunks(
        signature<readonly TaskValue[]>(shape.task),
        shape.it as readonly (readonly TaskValue[])[],
        shape.n,
      )
  }
}
