/** What happens when the last part of a chord has come in. */
import { isAppError } from '@celeriac/core'
import { isDeepStrictEqual } from 'node:util'
import type { TaskValue } from '../message/task-value.ts'
import { joinValues, taskIdsOf } from '../result/join-results.ts'
import type { ChordPart } from '../result/result-backend.ts'
import type { ExceptionInfo, ResultTuple } from '../result/task-meta.ts'
import { emptyCall, listOption } from './call.ts'
import type { CanvasStep } from './canvas-step.ts'
import { applyErrbacks, type IsInline } from './errbacks.ts'
import { exceptionRepr } from './exception-repr.ts'
import { failUnreached, type UnreachedFailure } from './fail-unreached.ts'
import { freezeNode } from './freeze.ts'
import { nodeFromDict, type GroupNode, type Node } from './node.ts'
import { applyNode } from './plan.ts'
import { PlanDraft, type PlanContext } from './plan-draft.ts'
import type { SignatureDict } from './signature-dict.ts'

export interface CompletedChord {
  readonly groupId: string
  readonly parts: readonly ChordPart[]
  readonly body: SignatureDict
  /** What `save_group` has saved: the header's results, when there are groups among them. */
  readonly header: ResultTuple | null
}

/**
 * Calls the body with the results of the header, in its order; or fails it when a member has not succeeded, or the body
 * cannot be carried out.
 */
export function completeChord(
  chord: CompletedChord,
  context: PlanContext,
  isInline: IsInline,
): readonly CanvasStep[] {
  const parts = inOrder(chord.parts)
  const failed = parts.find((part) => part.state !== 'SUCCESS')
  if (failed !== undefined) {
    const cause = failed.result as unknown as ExceptionInfo
    const message = `Dependency ${failed.taskId} raised ${exceptionRepr(cause)}`
    return failChord(chord, { message, cause }, context, isInline)
  }
  const values = chord.header === null ? parts.map((part) => part.result) : valuesOf(chord.header, parts)
  if (values === null)
    return failChord(chord, { message: 'Join error: a result of the header is missing' }, context, isInline)
  const draft = new PlanDraft(context)
  try {
    applyNode(nodeFromDict(chord.body), { ...emptyCall, args: [values] }, draft)
  } catch (error) {
    // Thrown, it would end the member that came in last, and whoever waits for the body would wait for ever.
    if (!isAppError(error) || error.code !== 'TASK_CANVAS_INVALID') throw error
    return failChord(chord, { message: error.message }, context, isInline)
  }
  return [...draft.steps, { kind: 'end_chord', groupId: chord.groupId, outcome: 'published' }]
}

/** Members without an index come last. */
const inOrder = (parts: readonly ChordPart[]): readonly ChordPart[] =>
  [...parts].sort((left, right) => (left.groupIndex ?? Infinity) - (right.groupIndex ?? Infinity) || 0)

/** Results in the shape of the header: a list for each group in it. null: there is no result for one of its tasks. */
function valuesOf(header: ResultTuple, parts: readonly ChordPart[]): TaskValue {
  const byId = new Map(parts.map((part) => [part.taskId, part.result]))
  if (!taskIdsOf(header).every((id) => byId.has(id))) return null
  return joinValues(header, (id) => byId.get(id) ?? null)
}

export interface ChordFailure {
  /** Of the ChordError. */
  readonly message: string
  /** Of the member that failed. */
  readonly cause?: ExceptionInfo
}

/**
 * Ends the body of a chord without running it: its errbacks are called, it gets the error, and so does whatever waits for
 * it, be it the rest of a chain or an outer chord. The tasks of a group body get the error of the member that failed.
 */
export function failChord(
  chord: Pick<CompletedChord, 'groupId' | 'body'>,
  failure: ChordFailure,
  context: PlanContext,
  isInline: IsInline,
): readonly CanvasStep[] {
  const draft = new PlanDraft(context)
  const body = freezeNode(nodeFromDict(chord.body), {}, context).node
  const rest = (body.options.chain ?? []).map((step) => nodeFromDict(step))
  const chordError: ExceptionInfo = {
    exc_type: 'ChordError',
    exc_message: [failure.message],
    exc_module: 'celery.exceptions',
  }
  const ended: UnreachedFailure = {
    state: 'FAILURE',
    exception: chordError,
    traceback: null,
    storesResult: true,
  }
  if (body.kind === 'group') {
    const exception = failure.cause ?? chordError
    failGroupBody(body, { ...ended, exception }, isInline, draft)
  } else {
    const taskId = resultId(body)
    callErrbacks(body, ownErrbacks(body), chordError, isInline, draft)
    const children = [...draft.children]
    const steps = failUnreached([body], ended)
    draft.steps.push(...steps.map((step) => withChildren(step, taskId, children)))
  }
  return [
    ...draft.steps,
    ...failUnreached(rest, ended),
    { kind: 'end_chord', groupId: chord.groupId, outcome: 'failed' },
  ]
}

function failGroupBody(
  body: GroupNode,
  failure: UnreachedFailure,
  isInline: IsInline,
  draft: PlanDraft,
): void {
  for (const member of body.members) {
    const errbacks = unique([...errbacksOf(member), ...listOption(body.options.link_error)])
    callErrbacks(member, errbacks, failure.exception, isInline, draft)
    draft.steps.push(...failUnreached([member], failure))
  }
  draft.steps.push(...failUnreached([{ ...body, members: [] }], failure))
}

/**
 * Errbacks of a body, without those that the body of the outer chord has too: Celery's client gives a chord's errbacks to
 * the chords in its header as well, because its workers do not tell the outer chord of the failure. Ours do, and it calls
 * them: once.
 */
function ownErrbacks({ options }: Node): readonly SignatureDict[] {
  const errbacks = listOption(options.link_error)
  if (!options.chord) return errbacks
  const theirs = errbacksOf(nodeFromDict(options.chord))
  return errbacks.filter((errback) => !theirs.some((other) => isDeepStrictEqual(other, errback)))
}

function callErrbacks(
  node: Node,
  errbacks: readonly SignatureDict[],
  exception: ExceptionInfo,
  isInline: IsInline,
  draft: PlanDraft,
): void {
  const taskId = resultId(node)
  const rootId = node.options.root_id ?? taskId
  applyErrbacks({ taskId, rootId, errbacks, exception, traceback: null }, isInline, draft)
}

/** The id under which the result of a frozen node is asked for. */
function resultId(node: Node): string {
  return (node.kind === 'chord' ? resultId(node.body) : node.options.task_id) ?? ''
}

/** Errbacks that the result of a node calls: a chord's and those of its body, a group's and those of its members. */
function errbacksOf(node: Node): readonly SignatureDict[] {
  const own = listOption(node.options.link_error)
  if (node.kind === 'chord') return [...own, ...errbacksOf(node.body)]
  return node.kind === 'group' ? [...own, ...node.members.flatMap(errbacksOf)] : own
}

const unique = (signatures: readonly SignatureDict[]): readonly SignatureDict[] =>
  signatures.filter(
    (signature, index) => signatures.findIndex((other) => isDeepStrictEqual(other, signature)) === index,
  )

/** The errbacks of a body are the children of its result. */
const withChildren = (step: CanvasStep, taskId: string, children: readonly ResultTuple[]): CanvasStep =>
  step.kind === 'store' && step.taskId === taskId ? { ...step, children } : step
