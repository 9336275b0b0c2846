import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { afterFailure, afterSuccess } from '../../src/canvas/after-task.ts'
import type { CanvasStep, PublishStep } from '../../src/canvas/canvas-step.ts'
import { completeChord, failChord } from '../../src/canvas/complete-chord.ts'
import type { Node } from '../../src/canvas/node.ts'
import { endsInGroup } from '../../src/canvas/pipe.ts'
import { planApply } from '../../src/canvas/plan.ts'
import { addToChord, replaceTask } from '../../src/canvas/replace.ts'
import { afterRetry } from '../../src/canvas/retry.ts'
import type { SignatureDict } from '../../src/canvas/signature-dict.ts'
import type { TaskCall } from '../../src/message/task-call.ts'
import { startCeleryOracle, type CeleryOracle } from './celery-oracle.ts'
import { canonical, countedIds } from './counted-ids.ts'
import { holdsNothing, isComposed } from './composed.ts'
import { anyShape } from './random-shape.ts'
import { buildShape, chordShape, task, type Shape } from './shape.ts'
import { anEndedTask, receivedCall } from './task-calls.ts'
import { wireSteps } from './wire-steps.ts'

const runs = Number(process.env['CELERIAC_PROPERTY_RUNS'] ?? 80)
/** Of one canvas: enough to see every kind of step, few enough to be quick. */
const maxMessages = 12

let celery: CeleryOracle
let replyTo: string
beforeAll(async () => {
  celery = startCeleryOracle()
  replyTo = (await celery.ask({ op: 'reply_to' })) as string
})
afterAll(() => celery.stop())

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const newContext = () => ({ newId: countedIds('11111111'), replyTo })
const isInline = ({ task: name }: SignatureDict): boolean => name.startsWith('new.')
const failure = {
  exception: { exc_type: 'Behaviour', exc_message: ['boo', 1], exc_module: '__main__' },
  traceback: null,
}

/** The request of the worker in `canvas_oracle.py` that received this call. */
const oracleRequest = (call: TaskCall, plan: object): object => ({
  op: 'run',
  plan,
  id: call.id,
  args: call.args,
  kwargs: call.kwargs,
  root_id: call.rootId,
  parent_id: call.parentId,
  group: call.group,
  group_index: call.groupIndex,
  priority: call.priority,
  reply_to: call.replyTo,
  shadow: call.shadow,
  stamped_headers: call.stampedHeaders,
  stamps: call.stamps,
  embed: { callbacks: call.callbacks, errbacks: call.errbacks, chain: call.chain, chord: call.chord },
})

async function expectSameSteps(call: TaskCall, plan: object, steps: readonly CanvasStep[]): Promise<void> {
  const theirs = (await celery.ask(oracleRequest(call, plan))) as {
    steps?: { result?: { exc_type?: string } }[]
  }
  // What Celery stumbles over need not end the same way here.
  if (theirs.steps?.some(({ result }) => ['AttributeError', 'IndexError'].includes(result?.exc_type ?? '')))
    return
  expect(canonical(json(wireSteps(steps))), JSON.stringify(call)).toEqual(canonical(theirs.steps ?? theirs))
}

const publications = (steps: readonly CanvasStep[]): readonly PublishStep[] =>
  steps.filter((step) => step.kind === 'publish')

/** Every call of a canvas that a worker comes to when all goes well, first to last. */
function callsOf(shape: Shape, visit: (call: TaskCall) => readonly CanvasStep[]): TaskCall[] {
  const { steps } = planApply(
    buildShape(shape).toJSON(),
    {},
    { ...newContext(), newId: countedIds(), current: null },
  )
  const pending = publications(steps).map(receivedCall)
  const calls: TaskCall[] = []
  for (let call = pending.shift(); call !== undefined && calls.length < maxMessages; call = pending.shift()) {
    calls.push(call)
    pending.push(...publications(visit(call)).map(receivedCall))
  }
  return calls
}

/** Canvases whose shape is the same on the wire on both sides; see celery-differential. */
const composedShape = (): fc.Arbitrary<Shape> =>
  fc
    .oneof(anyShape({ raw: false, maxDepth: 3 }), anyShape({ raw: false, maxDepth: 3, links: 'anywhere' }))
    .filter((shape) => {
      const { node } = buildShape(shape)
      return isComposed(node) && !holdsNothing(node)
    })

describe('a worker that ran a task of a canvas', () => {
  it('publishes and stores what Celery does when it succeeds', async () => {
    await fc.assert(
      fc.asyncProperty(composedShape(), async (shape) => {
        const context = newContext()
        const succeed = (call: TaskCall) => afterSuccess(anEndedTask(call), 42, context)
        for (const call of callsOf(shape, succeed))
          await expectSameSteps(call, { do: 'return', value: 42 }, succeed(call))
      }),
      { numRuns: runs },
    )
  })

  it('stores, reports and calls what Celery does when it fails', async () => {
    await fc.assert(
      fc.asyncProperty(composedShape(), async (shape) => {
        const context = newContext()
        const succeed = (call: TaskCall) => afterSuccess(anEndedTask(call), 42, context)
        for (const call of callsOf(shape, succeed)) {
          // Celery ends such a step under its own id and leaves the tasks in it pending.
          if ((call.chain ?? []).some(hasUnendedTasks)) continue
          const steps = afterFailure(anEndedTask(call), failure, context, isInline)
          await expectSameSteps(call, { do: 'fail', args: ['boo', 1] }, steps)
        }
      }),
      { numRuns: runs },
    )
  })

  it('sends what Celery does when it retries', async () => {
    await fc.assert(
      fc.asyncProperty(composedShape(), async (shape) => {
        for (const received of callsOf(shape, () => [])) {
          const call = { ...received, task: 'oracle.act' }
          const retry = { options: { countdown: 5 }, cameFrom: { exchange: '', routingKey: 'celery' } }
          const steps = afterRetry(anEndedTask(call), retry, null, newContext())
          await expectSameSteps(call, { do: 'retry', countdown: 5 }, steps)
        }
      }),
      { numRuns: runs },
    )
  })

  it('sends what Celery does when it replaces itself', async () => {
    await fc.assert(
      fc.asyncProperty(composedShape(), composedShape(), async (shape, replacement) => {
        for (const asked of callsOf(shape, () => []).slice(0, 4)) {
          // In Celery a replacement answers to the worker; here to whoever waits for the task that it replaces.
          const call = { ...asked, replyTo: null }
          if (call.group !== null && !reportsAsOne(buildShape(replacement).node)) continue
          // Whether a chord among a frozen header gets errbacks depends in Celery on how often it was cloned before.
          if (
            call.errbacks !== null &&
            JSON.stringify(buildShape(replacement)).split('celery.chord').length > 2
          )
            continue
          // Where a group comes before the rest of the chain, Celery runs that once for each member.
          if (call.chain !== null && endsInGroup(buildShape(replacement).node)) continue
          const plan = replaceTask(anEndedTask(call), buildShape(replacement).toJSON(), newContext())
          await expectSameSteps(call, { do: 'replace', with: replacement }, plan.steps)
        }
      }),
      { numRuns: runs },
    )
  })

  it('sends what Celery does when it adds to its chord', async () => {
    await fc.assert(
      fc.asyncProperty(composedShape(), composedShape(), async (header, added) => {
        // Celery counts one member more for a group, and has what ends in a group or chain report to another one.
        fc.pre(reportsAsOne(buildShape(added).node))
        for (const call of callsOf(chordShape([header], task('t.p')), () => []).slice(0, 4)) {
          if (call.chord === null) continue
          const context = newContext()
          const plan = addToChord(anEndedTask(call), buildShape(added).toJSON(), context)
          const ended = afterSuccess(anEndedTask(call, { children: plan.children }), 0, context)
          await expectSameSteps(call, { do: 'add_to_chord', with: added, value: 0 }, [
            ...plan.steps,
            ...ended,
          ])
        }
      }),
      { numRuns: runs },
    )
  })
})

describe('the worker that ran the last member of a header', () => {
  const chordsOf = (shape: Shape): TaskCall[] => {
    const context = newContext()
    return callsOf(shape, (call) => afterSuccess(anEndedTask(call), 42, context)).filter(
      (call) => call.chord !== null,
    )
  }
  const client = () => ({ ...newContext(), current: null })

  it('calls the body as Celery does', async () => {
    await fc.assert(
      fc.asyncProperty(composedShape(), async (shape) => {
        for (const { group, chord: body } of chordsOf(chordShape([shape], shape))) {
          const part = { groupId: group ?? '', taskId: 'member', groupIndex: 0, state: 'SUCCESS', result: 42 }
          const chord = { groupId: group ?? '', parts: [part], header: null, body: body as SignatureDict }
          const steps = completeChord(chord, client(), isInline)
          const theirs = (await celery.ask({ op: 'complete', body, values: [42] })) as { steps: object[] }
          expect(canonical(json(wireSteps(steps)))).toEqual(canonical(theirs.steps))
        }
      }),
      { numRuns: runs },
    )
  })

  it('fails a body of one task, and calls its errbacks, as Celery does', async () => {
    // Celery takes the body for the root of its errbacks, and has neither children nor group to tell where no task runs.
    const comparable = (steps: readonly object[]): unknown =>
      canonical(
        steps.map((step) => ({
          ...step,
          root_id: null,
          children: null,
          ...('state' in step ? { group: null } : {}),
        })),
      )
    await fc.assert(
      fc.asyncProperty(composedShape(), async (shape) => {
        for (const { group, chord: body } of chordsOf(chordShape([task('t.a')], shape))) {
          // An outer chord hears of the failure here, and not from Celery.
          if (body === null || body.subtask_type !== null || body.options.chord) continue
          if ((body.options.chain ?? []).some(hasUnendedTasks)) continue
          const chord = { groupId: group ?? '', body }
          const steps = wireSteps(failChord(chord, { message: 'no' }, client(), isInline))
          const theirs = (await celery.ask({ op: 'fail_chord', body, message: 'no' })) as { steps: object[] }
          expect(comparable(json(steps) as object[])).toEqual(comparable(theirs.steps))
        }
      }),
      { numRuns: runs },
    )
  })
})

/** Whether it is a task or a chain that reports to a chord in the end, or a chord whose body is a task. */
function reportsAsOne(node: Node): boolean {
  if (node.kind === 'chord') return node.body.kind === 'task'
  const last = node.kind === 'chain' ? node.steps.at(-1) : node
  return last !== undefined && (last.kind === 'task' || (last.kind === 'chord' && reportsAsOne(last)))
}

/** Whether a step holds tasks that Celery does not end when the step is not reached. */
function hasUnendedTasks(step: SignatureDict): boolean {
  if (step.subtask_type === 'group' || step.subtask_type === 'chain') return true
  return step.subtask_type === 'chord' && hasUnendedTasks(step.kwargs['body'] as SignatureDict)
}
