/**
 * Every error code of the platform, with what it means to a program: may the same call succeed later
 * (`retryable`), and the HTTP status it is answered with. `docs/reference/errors.md` lists the same codes (test-synced).
 */
export interface ErrorCodeFacts {
  readonly retryable: boolean
  readonly status: number
  readonly meaning: string
}

const code = (status: number, retryable: boolean, meaning: string): ErrorCodeFacts => ({
  status,
  retryable,
  meaning,
})

export const errorCodes = {
  CONFIG_INVALID: code(500, false, 'The configuration has faults; all of them are listed.'),
  VALIDATION_DAG_INVALID: code(422, false, 'The DAG document has problems; all of them are listed.'),
  VALIDATION_BODY_INVALID: code(400, false, 'The request does not fit its schema; the fields are listed.'),
  VALIDATION_BODY_TOO_LARGE: code(413, false, 'The request body is larger than the limit.'),
  VALIDATION_CONTENT_TYPE: code(415, false, 'The content type is not one that this route accepts.'),
  VALIDATION_DATASET_MALFORMED: code(422, false, 'The data set file cannot be read as what it claims to be.'),
  VALIDATION_DATASET_MISSING: code(422, false, 'The DAG names a data set that does not exist.'),
  VALIDATION_ROW_INVALID: code(
    422,
    false,
    "The rows do not fit the model's signature; the fields are listed.",
  ),
  AUTH_TOKEN_MISSING: code(401, false, 'No bearer token was sent.'),
  AUTH_TOKEN_INVALID: code(401, false, 'The bearer token is not known.'),
  NOT_FOUND_ROUTE: code(404, false, 'No such route.'),
  NOT_FOUND_DAG: code(404, false, 'No such DAG or DAG version.'),
  NOT_FOUND_RUN: code(404, false, 'No such run.'),
  NOT_FOUND_OPERATOR: code(404, false, 'The run has no such operator.'),
  NOT_FOUND_OUTPUT: code(404, false, 'The operator task has no such output, or not yet.'),
  NOT_FOUND_DATASET: code(404, false, 'No such data set.'),
  NOT_FOUND_MODEL: code(404, false, 'No such model or model version.'),
  CONFLICT_RUN_FINISHED: code(409, false, 'The run is already in a final state.'),
  CONFLICT_RUN_ACTIVE: code(409, false, 'The run is not finished yet; cancel it or wait.'),
  CONFLICT_DATASET_EXISTS: code(409, false, 'A data set with this id or name exists.'),
  CONFLICT_IDEMPOTENCY_KEY: code(409, false, 'The idempotency key was used for a different request.'),
  BROKER_UNAVAILABLE: code(503, true, 'The message broker cannot be reached.'),
  BROKER_UNROUTABLE: code(503, true, 'A message could not be routed to any queue.'),
  BROKER_REJECTED: code(503, true, 'The broker refused a message (negative confirm).'),
  BROKER_MESSAGE_TOO_LARGE: code(
    413,
    false,
    'A message is larger than the limit; pass a reference to the data instead.',
  ),
  BROKER_MESSAGE_MALFORMED: code(
    400,
    false,
    'A message does not fit its schema; it was moved to the dead-letter queue.',
  ),
  STORE_UNAVAILABLE: code(503, true, 'The database cannot be reached or refuses writes.'),
  STORE_SCHEMA_NEWER: code(500, false, 'The database was migrated by a newer version of Celeriac.'),
  STORE_SCHEMA_OLDER: code(
    500,
    false,
    'The database is not migrated to this version; run `celeriac migrate`.',
  ),
  STORE_FENCED: code(409, true, 'Another scheduler owns this partition now.'),
  STORE_CONFLICT: code(409, true, 'A row was changed by someone else in the meantime.'),
  EXECUTOR_UNAVAILABLE: code(503, true, 'The executor cannot start tasks.'),
  EXECUTOR_PROTOCOL: code(500, true, 'A process of the executor broke the frame protocol.'),
  TASK_FAILED: code(500, true, 'The operator raised an error.'),
  TASK_INVALID_PARAMS: code(422, false, 'A parameter of the operator is not valid.'),
  TASK_INVALID_INPUT: code(422, false, 'The data does not fit the operator.'),
  TASK_ALGORITHM_NOT_FOUND: code(422, false, 'The worker does not have this algorithm.'),
  TASK_ARTIFACT_NOT_FOUND: code(404, false, 'An input artifact does not exist or is not committed.'),
  TASK_TIMED_OUT: code(504, true, 'The attempt took longer than its time limit.'),
  TASK_OUT_OF_MEMORY: code(500, true, 'The attempt needed more memory than its limit.'),
  TASK_PROCESS_DIED: code(500, true, 'The process that ran the attempt ended unexpectedly.'),
  TASK_WORKER_LOST: code(500, true, 'The worker that held the attempt was lost too often.'),
  TASK_CANCELLED: code(409, false, 'The attempt was cancelled.'),
  TASK_MALFORMED_RESULT: code(500, false, 'The result of the attempt does not fit its schema.'),
  PREDICT_DEADLINE: code(504, true, 'The prediction was not ready before its deadline.'),
  PREDICT_SHED: code(503, true, 'Too many predictions are waiting; try again later.'),
  INTERNAL_ERROR: code(500, false, 'A defect in Celeriac.'),
  INTERNAL_ILLEGAL_TRANSITION: code(
    500,
    false,
    'An event asked for a transition that the state machine forbids.',
  ),
} as const satisfies Record<string, ErrorCodeFacts>

export type ErrorCode = keyof typeof errorCodes
export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(errorCodes, value)
