/**
 * Workers, broker and result backend in a hundred lines: carries plans out, in any order of deliveries, and keeps count.
 * What tasks do follows from their names; see `behaviourOf`.
 */
import { afterFailure, afterRevoked, afterSuccess } from '../../src/canvas/after-task.ts'
import type { CanvasStep } from '../../src/canvas/canvas-step.ts'
import { completeChord } from '../../src/canvas/complete-chord.ts'
import { planApply } from '../../src/canvas/plan.ts'
import { replaceTask } from '../../src/canvas/replace.ts'
import { afterRetry } from '../../src/canvas/retry.ts'
import { chain, chord, group, signature, type AnySignature } from '../../src/canvas/signature.ts'
import type { SignatureDict } from '../../src/canvas/signature-dict.ts'
import type { TaskCall } from '../../src/message/task-call.ts'
import type { TaskValue } from '../../src/message/task-value.ts'
import { joinValues, taskIdsOf } from '../../src/result/join-results.ts'
import type { ChordPart } from '../../src/result/result-backend.ts'
import type { ResultTuple } from '../../src/result/task-meta.ts'
import { countedIds } from './counted-ids.ts'
import { anEndedTask, receivedCall } from './task-calls.ts'

interface Chord {
  size: number | null
  grown: number
  readonly parts: Map<string, ChordPart>
  ended: number
}

const failure = {
  exception: { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' },
  traceback: null,
}

export class FakeCluster {
  readonly pending: TaskCall[] = []
  /** How often the call of an id ran to its end. */
  readonly ended = new Map<string, number>()
  readonly states = new Map<string, { readonly status: string; readonly result: TaskValue }>()
  readonly groups = new Map<string, ResultTuple>()
  readonly chords = new Map<string, Chord>()
  /** Calls of errbacks, by the id that failed. */
  readonly errbacks: { readonly errback: string; readonly of: string }[] = []
  readonly #context = { newId: countedIds(), replyTo: null }

  /** Publishes a canvas; gives what its result is made of. */
  call(canvas: SignatureDict): ResultTuple | null {
    const { steps, result } = planApply(canvas, {}, { ...this.#context, current: null })
    this.#carryOut(steps, null)
    return result
  }

  /** Delivers one message after the other, chosen by `pick`, until none is left. */
  drain(pick: (count: number) => number): void {
    while (this.pending.length > 0) {
      const [call] = this.pending.splice(pick(this.pending.length), 1)
      if (call !== undefined) this.#work(call)
    }
  }

  statusOf(result: ResultTuple): readonly string[] {
    return taskIdsOf(result).map((id) => this.states.get(id)?.status ?? 'PENDING')
  }

  valueOf(result: ResultTuple): TaskValue {
    return joinValues(result, (id) => this.states.get(id)?.result ?? null)
  }

  #work(call: TaskCall): void {
    const ended = anEndedTask(call)
    const context = this.#context
    const end = (steps: readonly CanvasStep[]): void => {
      this.ended.set(call.id, (this.ended.get(call.id) ?? 0) + 1)
      this.#carryOut(steps, call)
    }
    const behaviour = behaviourOf(call)
    switch (behaviour.kind) {
      case 'returns':
        return end(afterSuccess(ended, behaviour.value, context))
      case 'fails':
        return end(afterFailure(ended, failure, context, () => false))
      case 'is_revoked':
        return end(afterRevoked(ended, failure))
      case 'retries': {
        const cameFrom = { exchange: '', routingKey: 'celery' }
        return this.#carryOut(afterRetry(ended, { options: { countdown: 1 }, cameFrom }, null, context), call)
      }
      case 'is_replaced':
        return this.#carryOut(replaceTask(ended, behaviour.by, context).steps, call)
    }
  }

  #carryOut(steps: readonly CanvasStep[], by: TaskCall | null): void {
    for (const step of steps) {
      switch (step.kind) {
        case 'publish':
          this.pending.push(receivedCall(step))
          break
        case 'store':
          if (this.states.get(step.taskId)?.status !== 'SUCCESS')
            this.states.set(step.taskId, { status: step.state, result: step.result })
          break
        case 'save_group':
          this.groups.set(step.groupId, step.result)
          break
        case 'set_chord_size':
          this.#chord(step.groupId).size = step.size
          break
        case 'grow_chord':
          this.#chord(step.groupId).grown += step.members
          break
        case 'return_part':
          this.#countPart(step.part, step.body, by)
          break
        case 'end_chord':
          this.#chord(step.groupId).ended++
          break
        case 'call_errback':
          throw new Error('no errback is inline here')
      }
    }
  }

  #countPart(part: ChordPart, body: SignatureDict, by: TaskCall | null): void {
    const chord = this.#chord(part.groupId)
    if (chord.parts.has(part.taskId)) return
    chord.parts.set(part.taskId, part)
    if (chord.size === null || chord.parts.size !== chord.size + chord.grown) return
    const { groupId } = part
    const completed = {
      groupId,
      parts: [...chord.parts.values()],
      body,
      header: this.groups.get(groupId) ?? null,
    }
    const current =
      by === null ? null : { id: by.id, rootId: by.rootId, parentId: by.parentId, priority: null }
    this.#carryOut(
      completeChord(completed, { ...this.#context, current }, () => false),
      by,
    )
  }

  #chord(groupId: string): Chord {
    const known = this.chords.get(groupId) ?? {
      size: null,
      grown: 0,
      parts: new Map<string, ChordPart>(),
      ended: 0,
    }
    this.chords.set(groupId, known)
    return known
  }
}

type Behaviour =
  | { readonly kind: 'returns'; readonly value: TaskValue }
  | { readonly kind: 'fails' | 'is_revoked' | 'retries' }
  | { readonly kind: 'is_replaced'; readonly by: SignatureDict }

const chordOfChain = (args: readonly TaskValue[]): AnySignature =>
  chord([signature('t.x', args), signature('t.y', args)], chain(signature('t.x'), signature('t.y')))

/** A task returns its name and its arguments, unless its name says otherwise. */
function behaviourOf({ task, args, retries, kwargs }: TaskCall): Behaviour {
  switch (task) {
    case 't.fail':
      return { kind: 'fails' }
    case 't.revoked':
      return { kind: 'is_revoked' }
    case 't.retry':
      return retries === 0 ? { kind: 'retries' } : { kind: 'returns', value: [task, ...args] }
    case 't.chain':
      return { kind: 'is_replaced', by: chain(signature('t.x', args), signature('t.y')).toJSON() }
    case 't.chord':
      return { kind: 'is_replaced', by: chordOfChain(args).toJSON() }
    case 't.group':
      return { kind: 'is_replaced', by: group(signature('t.x', args), signature('t.y', args)).toJSON() }
    case 'celery.accumulate':
      return { kind: 'returns', value: args[kwargs['index'] as number] ?? null }
    default:
      return { kind: 'returns', value: [task, ...args] }
  }
}
