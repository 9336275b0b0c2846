import { randomUUID } from 'node:crypto'
import { AppError } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { CanvasStep } from '../../canvas/canvas-step.ts'
import { planApply } from '../../canvas/plan.ts'
import { jobContext } from '../pool/job-context.ts'
import { JobSignal } from '../pool/job-signal.ts'
import type { TaskRegistry } from './registered-task.ts'
import type { StepRunner, StepsAbout } from './step-runner.ts'
import type { TaskApp } from './task-app.ts'
import { runAsCurrentTask } from './current-task.ts'

export interface ErrbackCallDeps {
  readonly app: TaskApp
  readonly tasks: TaskRegistry
  readonly steps: () => StepRunner
  readonly logger: Logger
  readonly nodeName: string
}

/**
 * Calls an errback of this process with `(request, exception, traceback)` and what its signature has beyond that; one that
 * fails is logged, no more.
 */
export async function callErrback(
  { errback, taskId, exception, traceback }: Extract<CanvasStep, { kind: 'call_errback' }>,
  about: StepsAbout,
  { app, tasks, steps, logger, nodeName }: ErrbackCallDeps,
): Promise<void> {
  const { call, queue, current } = about
  const refuse = (): Promise<never> =>
    Promise.reject(new AppError('TASK_CANVAS_INVALID', 'an errback has neither a state nor a chord'))
  const deliveryInfo = { exchange: '', routingKey: queue, queue }
  const context = jobContext(
    { ...call, hostname: nodeName, redelivered: false, deliveryInfo },
    {
      logger: logger.child({ task: errback.task, task_id: taskId }),
      updateState: refuse,
      addToChord: refuse,
      apply: async (signature, options) => {
        const replyTo = app.backend.replyTo
        const plan = planApply(signature, { options }, { newId: randomUUID, replyTo, current })
        await steps().run(plan.steps, about)
        return plan.result
      },
    },
    new JobSignal(),
  )
  const request = { id: taskId, task: call.task, root_id: call.rootId, parent_id: call.parentId }
  const args = errback.immutable ? errback.args : [request, { ...exception }, traceback, ...errback.args]
  try {
    await runAsCurrentTask(context, () => tasks.find(errback.task)?.run(args, errback.kwargs, context))
  } catch (err) {
    logger.error({ err, task: errback.task, task_id: taskId }, 'an errback failed')
  }
}
