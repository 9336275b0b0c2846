import type { Delivery, OutgoingMessage } from '@celeriac/core'
import type { TaskCall, TaskRoute } from '../../src/message/task-call.ts'

export const aTaskCall = (more: Partial<TaskCall> = {}): TaskCall => ({
  id: 'id-1',
  task: 'tasks.add',
  args: [2, 2],
  kwargs: {},
  rootId: 'id-1',
  parentId: null,
  group: null,
  groupIndex: null,
  retries: 0,
  eta: null,
  expires: null,
  timelimit: [null, null],
  shadow: null,
  origin: 'gen1@host',
  ignoreResult: false,
  replacedTaskNesting: 0,
  stampedHeaders: null,
  stamps: {},
  headers: {},
  replyTo: 'replies',
  priority: 0,
  properties: {},
  callbacks: null,
  errbacks: null,
  chain: null,
  chord: null,
  ...more,
})

export const aTaskRoute = (more: Partial<TaskRoute> = {}): TaskRoute => ({
  exchange: '',
  routingKey: 'celery',
  serializer: 'json',
  compression: null,
  ...more,
})

/** The message as a consumer gets it. */
export const delivered = (message: OutgoingMessage): Delivery => ({
  ...message,
  queue: message.routingKey,
  redelivered: false,
  deliveryCount: 0,
  ack: () => undefined,
  requeue: () => undefined,
  reject: () => undefined,
})
