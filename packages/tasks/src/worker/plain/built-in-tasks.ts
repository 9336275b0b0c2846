/** The tasks that every Celery worker has. */
import { accumulate, planBuiltIn, sequenceCalls, unlockState } from '../../canvas/built-in-tasks.ts'
import { completeChord } from '../../canvas/complete-chord.ts'
import { nodeFromDict } from '../../canvas/node.ts'
import type { CanvasStep } from '../../canvas/canvas-step.ts'
import type { PlanContext } from '../../canvas/plan-draft.ts'
import type { TaskObject, TaskValue } from '../../message/task-value.ts'
import type { ResultBackend } from '../../result/result-backend.ts'
import type { ResultTuple } from '../../result/task-meta.ts'
import { taskIdsOf } from '../../result/join-results.ts'
import { readyStates } from '../../result/task-meta.ts'
import { NotRegistered } from '../../result/task-errors.ts'
import type { SignatureDict } from '../../canvas/signature-dict.ts'
import type { RegisteredTask, TaskRegistry } from './registered-task.ts'
import type { TaskContext } from './task-context.ts'

/** What built-in tasks do beyond their arguments; only in the process of the worker. */
export interface BuiltInHost {
  readonly backend: ResultBackend
  /** Carries out steps in the name of the running task. */
  carryOut(plan: (context: PlanContext) => readonly CanvasStep[], task: TaskContext): Promise<void>
}

/** The user's tasks and the built-in ones; a task of the user's wins. */
export function withBuiltIns(tasks: TaskRegistry, host: BuiltInHost): TaskRegistry {
  const builtIns = new Map(builtInTasks(tasks, host).map((task) => [task.name, task]))
  return {
    find: (name) => tasks.find(name) ?? builtIns.get(name) ?? null,
    names: () => [...new Set([...tasks.names(), ...builtIns.keys()])].sort(),
  }
}

type Run = RegisteredTask['run']

function builtInTasks(tasks: TaskRegistry, host: BuiltInHost): readonly RegisteredTask[] {
  const builtIn = (name: string, run: Run): RegisteredTask => ({
    name,
    run,
    options: { isolation: 'inline' },
  })
  return [
    builtIn('celery.ping', () => 'pong'),
    builtIn('celery.accumulate', (args, kwargs) => accumulate(args, kwargs)),
    builtIn('celery.backend_cleanup', async () => {
      await host.backend.removeExpired()
    }),
    builtIn('celery.map', sequence('celery.map', tasks)),
    builtIn('celery.starmap', sequence('celery.starmap', tasks)),
    builtIn('celery.chunks', planned('celery.chunks', host)),
    builtIn('celery.group', planned('celery.group', host)),
    builtIn('celery.chord', planned('celery.chord', host)),
    builtIn('celery.chain', async (_args, kwargs, context) => {
      await context.apply(chainDict(kwargs))
    }),
    builtIn('celery.chord_unlock', (args, kwargs, context) => unlockChord(args, kwargs, context, host)),
  ]
}

const sequence =
  (name: 'celery.map' | 'celery.starmap', tasks: TaskRegistry): Run =>
  async (_args, kwargs, context) => {
    const { task: taskName, calls } = sequenceCalls(name, kwargs)
    const task = tasks.find(taskName)
    if (task === null) throw new NotRegistered([taskName])
    const results: TaskValue[] = []
    for (const args of calls) results.push(((await task.run(args, {}, context)) ?? null) as TaskValue)
    return results
  }

const planned =
  (name: 'celery.chunks' | 'celery.group' | 'celery.chord', host: BuiltInHost): Run =>
  async (args, kwargs, task) => {
    let result: ResultTuple | null = null
    await host.carryOut((context) => {
      const plan = planBuiltIn(name, args, kwargs, context)
      result = plan.result
      return plan.steps
    }, task)
    return result
  }

const chainDict = (kwargs: TaskObject): SignatureDict => ({
  task: 'celery.chain',
  args: [],
  kwargs,
  options: {},
  subtask_type: 'chain',
  immutable: false,
})

/** `celery.chord_unlock(group_id, callback, interval, max_retries, result)`: for publishers whose backend does not count. */
async function unlockChord(
  args: readonly TaskValue[],
  kwargs: TaskObject,
  task: TaskContext,
  host: BuiltInHost,
): Promise<void> {
  const names = ['group_id', 'callback', 'interval', 'max_retries', 'result']
  const given: TaskObject = {
    ...Object.fromEntries(args.map((value, index) => [names[index] ?? '', value])),
    ...kwargs,
  }
  const groupId = given['group_id']
  if (typeof groupId !== 'string') throw new TypeError('chord_unlock() takes the id of a group')
  const results = (given['result'] ?? []) as unknown as readonly ResultTuple[]
  const body = given['callback'] as unknown as SignatureDict
  nodeFromDict(body)
  const found = await host.backend.find(results.flatMap(taskIdsOf))
  const ended = new Map([...found].filter(([, { status }]) => readyStates.has(status)))
  const state = unlockState(groupId, results, ended)
  if (state.kind === 'wait')
    task.retry({ countdown: typeof given['interval'] === 'number' ? given['interval'] : 1, maxRetries: null })
  const { parts } = state
  const chord = { groupId, parts, body, header: null }
  await host.carryOut((context) => completeChord(chord, context, () => false), task)
}
