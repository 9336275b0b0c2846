import { runEventData } from '@celeriac/contracts'
import { z } from 'zod'
import { hasSeenEnd, parseEventId, runEvents } from '../../live/run-events.ts'
import { runNotFound } from '../../submission/change-run.ts'
import { eventStreamText } from '../event-stream.ts'
import { defineRoute, type Route } from '../route.ts'
import { runView } from '../views/run-view.ts'
import { requireRunId } from './operator-task.ts'
import { runParams } from './path-params.ts'

export const runEventRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/events',
    operationId: 'watchRun',
    tag: 'runs',
    summary: 'A run as it goes on, as Server-Sent Events.',
    description: [
      'First `snapshot`, the run as `GET /api/v1/runs/{id}` shows it; then `operator` and `run` for what changes, each',
      'with the present state and not the difference; last `end`, when the run is final, and the connection closes.',
      'A client that reads slowly gets the latest state of each operator, not all states between; one that reads nothing',
      'for 30 seconds is cut off. A comment is sent at least every 15 seconds.',
      '',
      'Reconnect with `Last-Event-ID`: the answer begins with a new snapshot, whose id is newer than any before. After',
      '`end`, the answer is 204, which tells a browser to stop, unless the run was rerun meanwhile. Any scheduler',
      'streams any run.',
    ].join('\n'),
    access: 'viewer',
    params: runParams,
    headers: {
      'Last-Event-ID': {
        description: 'Id of the last event that was received of this run. Anything else is as good as none.',
        schema: z.string(),
      },
    },
    answers: {
      200: {
        description: 'The events, until the run is final',
        contentType: 'text/event-stream',
        events: runEventData,
      },
      204: { description: 'The client has seen the end of the run already' },
    },
    errors: ['NOT_FOUND_RUN', 'STREAM_LIMIT', 'BROKER_UNAVAILABLE'],
    async handle({ params, headers, signal }, { store, live, clock, logger }) {
      requireRunId(params.id)
      const lastEventId = parseEventId(headers['last-event-id']?.toString())
      // Before the run is read, so that no change falls between.
      const inbox = live.watch(params.id, signal)
      const [record, attempts] = await Promise.all([store.findRun(params.id), store.listAttempts(params.id)])
      if (record === null) throw runNotFound(params.id)
      if (hasSeenEnd(record, lastEventId)) return { status: 204 }
      const events = runEvents(
        { inbox, record, view: runView(record, attempts), lastEventId },
        { findRun: (id) => store.findRun(id), clock, logger },
      )
      return {
        status: 200,
        // nginx would hold events back until its buffer is full.
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
        stream: eventStreamText(events),
      }
    },
  }),
]
