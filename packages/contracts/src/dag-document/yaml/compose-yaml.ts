import type { JsonValue } from '@celeriac/core'
import {
  type AliasEvent,
  type Event,
  EVENT_ID,
  getScalarValue,
  type MappingEvent,
  type ScalarEvent,
  type SequenceEvent,
} from 'js-yaml'
import type { DagLimits } from '../limits.ts'
import type { ProblemList, ProblemReport } from '../problem-list.ts'
import { scalarOffset, scalarValue, unstorable, unsupportedTagOf } from './scalars.ts'
import type { YamlEntry, YamlNode } from './yaml-tree.ts'

/**
 * Builds the tree of a document from js-yaml's events. Compared with js-yaml's own constructor it keeps the place of
 * every node, goes on after a problem, and holds only what JSON can hold.
 *
 * Aliases share the node that they repeat, so a small text can stand for a huge document. Each node carries the size
 * and height that it has when written out; both are checked at each alias, before anything walks the tree.
 */

interface FrameFacts {
  readonly at: number
  readonly anchor: string | null
  /** True for a collection in the place of a key: read, reported, and left out. */
  readonly isKey: boolean
  weight: number
  height: number
}

interface SequenceFrame extends FrameFacts {
  readonly kind: 'sequence'
  readonly items: YamlNode[]
  readonly values: JsonValue[]
}

interface MappingFrame extends FrameFacts {
  readonly kind: 'mapping'
  readonly entries: Map<string, YamlEntry>
  readonly values: Record<string, JsonValue>
  /** Set between a key and its value; `name` is null when the pair is left out because of its key. */
  key: { readonly name: string | null; readonly at: number } | null
}

type Frame = SequenceFrame | MappingFrame

/** Reads one document; null when a problem leaves nothing to go on with. */
export function composeYaml(
  source: string,
  events: readonly Event[],
  limits: DagLimits,
  problems: ProblemList,
): YamlNode | null {
  return new Composer(source, limits, problems).compose(events)
}

class Composer {
  readonly #source: string
  readonly #limits: DagLimits
  readonly #problems: ProblemList
  readonly #frames: Frame[] = []
  readonly #anchors = new Map<string, YamlNode>()
  readonly #openAnchors = new Set<string>()
  #root: YamlNode | null = null
  #aliases = 0
  #isHopeless = false

  constructor(source: string, limits: DagLimits, problems: ProblemList) {
    this.#source = source
    this.#limits = limits
    this.#problems = problems
  }

  compose(events: readonly Event[]): YamlNode | null {
    for (const event of events) {
      switch (event.type) {
        case EVENT_ID.SCALAR:
          this.#scalar(event)
          break
        case EVENT_ID.SEQUENCE:
        case EVENT_ID.MAPPING:
          this.#open(event)
          break
        case EVENT_ID.ALIAS:
          this.#alias(event)
          break
        case EVENT_ID.POP:
          this.#close()
          break
        case EVENT_ID.DOCUMENT:
          break
      }
      if (this.#isHopeless || this.#problems.isFull) return null
    }
    return this.#root
  }

  #scalar(event: ScalarEvent): void {
    const at = scalarOffset(this.#source, event) ?? this.#fallbackOffset()
    if (this.#awaitsKey()) {
      this.#startPair(getScalarValue(this.#source, event), at)
      return
    }
    const read = scalarValue(this.#source, event)
    if (read.problem !== null) this.#addUnreadable({ ...read.problem, path: this.#path(), offset: at })
    const weight = typeof read.value === 'string' ? read.value.length + 1 : 4
    this.#add({ kind: 'scalar', at, value: read.value, weight, height: 1 }, this.#anchorOf(event))
  }

  #open(event: SequenceEvent | MappingEvent): void {
    const unsupported = unsupportedTagOf(this.#source, event)
    if (unsupported !== null) {
      this.#addUnreadable({ ...unsupported, path: this.#path(), offset: event.tagStart })
    }
    const isKey = this.#awaitsKey()
    if (isKey) this.#startPair(null, event.start)
    const anchor = this.#anchorOf(event)
    if (anchor !== null) this.#openAnchors.add(anchor)
    const at = event.start
    // Written out twice instead of spread: this runs once per collection.
    this.#frames.push(
      event.type === EVENT_ID.SEQUENCE
        ? { kind: 'sequence', at, anchor, isKey, weight: 2, height: 0, items: [], values: [] }
        : {
            kind: 'mapping',
            at,
            anchor,
            isKey,
            weight: 2,
            height: 0,
            entries: new Map(),
            values: {},
            key: null,
          },
    )
  }

  #close(): void {
    const frame = this.#frames.pop()
    if (frame === undefined) return // the end of the document
    const { at, weight, anchor } = frame
    const height = frame.height + 1
    const node: YamlNode =
      frame.kind === 'sequence'
        ? { kind: 'sequence', at, value: frame.values, weight, height, items: frame.items }
        : { kind: 'mapping', at, value: frame.values, weight, height, entries: frame.entries }
    if (anchor !== null) this.#openAnchors.delete(anchor)
    if (!frame.isKey) this.#add(node, anchor)
  }

  #alias(event: AliasEvent): void {
    const at = event.anchorStart - 1
    const name = this.#source.slice(event.anchorStart, event.anchorEnd)
    this.#aliases += 1
    if (this.#aliases > this.#limits.aliases) {
      this.#giveUp(
        'too_many_aliases',
        `there are more than ${this.#limits.aliases} aliases; write the values out`,
        at,
      )
      return
    }
    const target = this.#anchors.get(name)
    if (target === undefined || this.#openAnchors.has(name)) {
      this.#unknownAlias(name, at)
      return
    }
    if (this.#awaitsKey()) {
      this.#startPair(target.kind === 'scalar' ? String(target.value) : null, at)
      return
    }
    if (this.#frames.length + target.height > this.#limits.depth) {
      this.#giveUp('too_deep', `alias *${name} nests deeper than ${this.#limits.depth} levels`, at)
      return
    }
    this.#add({ ...target, at }, null)
  }

  #unknownAlias(name: string, at: number): void {
    const isRecursive = this.#openAnchors.has(name)
    const suggestion = isRecursive ? undefined : this.#problems.nearest(name, [...this.#anchors.keys()])
    this.#addUnreadable({
      code: isRecursive ? 'recursive_alias' : 'unknown_alias',
      message: isRecursive
        ? `alias *${name} stands inside the node that it repeats`
        : `there is no anchor &${name} before this alias`,
      path: this.#path(),
      offset: at,
      suggestion: suggestion === undefined ? undefined : `*${suggestion}`,
    })
    if (this.#awaitsKey()) this.#startPair(null, at)
    else this.#add({ kind: 'scalar', at, value: null, weight: 4, height: 1 }, null)
  }

  #awaitsKey(): boolean {
    const frame = this.#frames.at(-1)
    return frame?.kind === 'mapping' && frame.key === null
  }

  #startPair(name: string | null, at: number): void {
    const frame = this.#frames.at(-1)
    if (frame?.kind !== 'mapping') return
    const usable = name !== null && this.#isUsableKey(frame, name, at)
    if (name === null)
      this.#problems.add({
        code: 'invalid_key',
        message: 'a key must be a plain name',
        path: this.#path(),
        offset: at,
      })
    frame.key = { name: usable ? name : null, at }
    frame.weight += (name?.length ?? 0) + 1
  }

  #isUsableKey(frame: MappingFrame, name: string, at: number): boolean {
    const refuse = (
      code: 'duplicate_key' | 'invalid_key' | 'invalid_character' | 'unsupported_feature',
      message: string,
    ): false => {
      this.#problems.add({ code, message, path: [...this.#path(), name], offset: at })
      return false
    }
    if (frame.entries.has(name))
      return refuse('duplicate_key', `the key ${JSON.stringify(name.slice(0, 80))} is there twice; keep one`)
    if (name === '__proto__') return refuse('invalid_key', 'the key __proto__ is reserved')
    if (name === '<<')
      return refuse('unsupported_feature', 'merge keys (<<) are not supported; write the keys out')
    if (unstorable.test(name)) {
      return refuse(
        'invalid_character',
        'a key holds a NUL or half a surrogate pair; leave the character out',
      )
    }
    return true
  }

  /** Puts a complete node into the collection that is being read. */
  #add(node: YamlNode, anchor: string | null): void {
    if (anchor !== null) this.#anchors.set(anchor, node)
    const frame = this.#frames.at(-1)
    if (frame === undefined) {
      this.#root ??= node
      return
    }
    frame.weight += node.weight
    frame.height = Math.max(frame.height, node.height)
    if (frame.weight > this.#limits.expandedCharacters) {
      const limit = this.#limits.expandedCharacters
      this.#giveUp(
        'aliases_too_large',
        `written out, the aliases make more than ${limit} characters`,
        node.at,
      )
      return
    }
    if (frame.kind === 'sequence') {
      frame.items.push(node)
      frame.values.push(node.value)
      return
    }
    const key = frame.key
    frame.key = null
    if (key === null || key.name === null) return
    frame.entries.set(key.name, { keyAt: key.at, node })
    frame.values[key.name] = node.value
  }

  /** A problem with a value that goes on as null. */
  #addUnreadable(report: ProblemReport): void {
    this.#problems.add(report)
    this.#problems.spoil(report.path)
  }

  #anchorOf(event: { readonly anchorStart: number; readonly anchorEnd: number }): string | null {
    return event.anchorStart < 0 ? null : this.#source.slice(event.anchorStart, event.anchorEnd)
  }

  /** Empty nodes have no place of their own: they are where their key is. */
  #fallbackOffset(): number {
    const frame = this.#frames.at(-1)
    return frame?.kind === 'mapping' ? (frame.key?.at ?? frame.at) : (frame?.at ?? 0)
  }

  #path(): (string | number)[] {
    return this.#frames.flatMap((frame): (string | number)[] => {
      if (frame.kind === 'sequence') return [frame.items.length]
      return frame.key?.name == null ? [] : [frame.key.name]
    })
  }

  #giveUp(
    code: 'too_many_aliases' | 'too_deep' | 'aliases_too_large',
    message: string,
    offset: number,
  ): void {
    this.#problems.add({ code, message, path: this.#path(), offset })
    this.#isHopeless = true
  }
}
