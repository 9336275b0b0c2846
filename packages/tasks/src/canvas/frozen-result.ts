import type { ResultTuple } from '../result/task-meta.ts'

/**
 * What a frozen canvas will give, while it is put together: steps are frozen last to first, so the parent of a result is
 * known after the result itself. Mutable, and never seen outside of one plan.
 */
export class FrozenResult {
  readonly id: string
  /** Members of a group; null: one task. */
  readonly children: readonly FrozenResult[] | null
  parent: FrozenResult | null = null

  constructor(id: string, children: readonly FrozenResult[] | null = null) {
    this.id = id
    this.children = children
  }

  /** The result that everything else here follows. */
  get first(): FrozenResult {
    return this.parent === null ? this : this.parent.first
  }

  get isGroup(): boolean {
    return this.children !== null
  }

  /** The result in the ancestry of this one that follows `parent` directly. */
  followerOf(parent: FrozenResult): FrozenResult | null {
    if (this.parent === parent) return this
    return this.parent?.followerOf(parent) ?? null
  }

  toTuple(): ResultTuple {
    const children = this.children === null ? null : this.children.map((child) => child.toTuple())
    return [[this.id, this.parent === null ? null : this.parent.toTuple()], children]
  }
}
