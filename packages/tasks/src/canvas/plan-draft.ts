import type { ResultTuple } from '../result/task-meta.ts'
import type { CanvasPlan, CanvasStep } from './canvas-step.ts'
import type { CanvasContext } from './freeze.ts'
import type { FrozenResult } from './frozen-result.ts'

/** The task in whose name a plan is carried out. */
export interface CurrentTask {
  readonly id: string
  readonly rootId: string
  readonly parentId: string | null
  /** What it publishes inherits this priority; null: it does not. */
  readonly priority: number | null
}

export interface PlanContext extends CanvasContext {
  /** null: a client plans. */
  readonly current: CurrentTask | null
}

/** A plan while it is put together. */
export class PlanDraft {
  readonly context: PlanContext
  readonly steps: CanvasStep[] = []
  readonly children: ResultTuple[] = []

  constructor(context: PlanContext) {
    this.context = context
  }

  addChild(result: FrozenResult): void {
    this.children.push(result.toTuple())
  }

  finish(result: FrozenResult | null): CanvasPlan {
    return { steps: this.steps, result: result?.toTuple() ?? null, children: this.children }
  }
}
