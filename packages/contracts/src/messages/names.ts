/** Names on the wire: the one place for task names, states and message types. Queues and exchanges: broker's topology. */
export const operatorTaskName = 'celeriac.run_operator'
/** Callbacks of plain tasks: what their workers send to the event queue of a partition. */
export const taskSucceededName = 'celeriac.task_succeeded'
export const taskFailedName = 'celeriac.task_failed'
export const predictTaskName = 'celeriac.predict'

/** Celery's task states that cross the wire in result messages. */
export const celeryStates = ['STARTED', 'PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'] as const
/** A state of ours: the worker stops and gives back an attempt that it holds by its lease alone. */
export const returnedState = 'RETURNED'
/** Header of operator tasks whose scheduler knows leases: their workers may ack them while they run. */
export const leaseHeader = 'celeriac_lease'
export type CeleryState = (typeof celeryStates)[number]

/** AMQP `type` of the engine's own events; messages without it on an event queue are Celery results. */
export const engineMessageType = 'celeriac.engine-event'

/** AMQP `type` of the committed changes of runs on the live exchange. */
export const runChangesMessageType = 'celeriac.run-changes'
/** AMQP `type` of the list of runs that somebody watches, on the same exchange. */
export const runsWatchedMessageType = 'celeriac.runs-watched'

/** AMQP `type` of the news that a model's route has changed, on the exchange of models. */
export const modelChangedMessageType = 'celeriac.model-changed'
/** AMQP `type` of a predict worker's question, on the same exchange, which models are asked for; and of the answers. */
export const modelsWantedMessageType = 'celeriac.models-wanted'
export const modelsRoutedMessageType = 'celeriac.models-routed'
