/** Tasks that tell what they know of their call. */
import { z } from 'zod'
import { anyValue, app, nameOf } from './app.ts'

app.task(nameOf('ids'), z.object({ i: anyValue }), ({ i }, { request }) => [
  request.rootId,
  request.parentId,
  i,
])

app.task(nameOf('collect_ids'), z.object({ res: anyValue, i: anyValue }), ({ res, i }, { request }) => [
  res,
  [request.rootId, request.parentId, i],
])

app.task(
  nameOf('return_priority'),
  z.tuple([]).rest(anyValue),
  (_, { request }) => `Priority: ${request.priority}`,
)

app.task(nameOf('return_properties'), z.object({}), (_, { request }) => ({
  ...request.properties,
  correlation_id: request.id,
  reply_to: request.replyTo,
  priority: request.priority,
}))

const limitsOf = ({ timelimit: [hard, soft] }: { timelimit: readonly [number | null, number | null] }) => ({
  time_limit: hard,
  soft_time_limit: soft,
})

app.task(nameOf('return_request_time_limits'), z.object({}), (_, { request }) => limitsOf(request))

app.task(nameOf('task_with_declared_time_limits'), z.object({}), (_, { request }) => limitsOf(request), {
  timeLimit: 60,
  softTimeLimit: 45,
})

// Celery's client refuses to call it: its soft limit is beyond the hard one.
app.task(nameOf('soft_time_limit_must_exceed_time_limit'), z.object({}), () => null, {
  softTimeLimit: 2,
  timeLimit: 1,
})
