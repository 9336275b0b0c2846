/** Names on the wire: the one place for task names, states and message types. Queues and exchanges: broker's topology. */
export const operatorTaskName = 'celeriac.run_operator'
export const predictTaskName = 'celeriac.predict'

/** Celery's task states that cross the wire in result messages. */
export const celeryStates = ['STARTED', 'PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'] as const
export type CeleryState = (typeof celeryStates)[number]

/** AMQP `type` of the engine's own events; messages without it on an event queue are Celery results. */
export const engineMessageType = 'celeriac.engine-event'
