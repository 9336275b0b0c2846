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
  CONFIG_RESULT_BACKEND: code(
    500,
    false,
    'The result backend does not offer what the call needs: chords, saved groups, or results at all.',
  ),
  VALIDATION_DAG_INVALID: code(422, false, 'The DAG document has problems; all of them are listed.'),
  VALIDATION_BODY_INVALID: code(400, false, 'The request does not fit its schema; the fields are listed.'),
  VALIDATION_BODY_TOO_LARGE: code(413, false, 'The request body is larger than the limit.'),
  VALIDATION_BODY_TIMEOUT: code(408, true, 'The request body did not arrive in time.'),
  VALIDATION_CONTENT_TYPE: code(415, false, 'The content type is not one that this route accepts.'),
  VALIDATION_DATASET_MALFORMED: code(422, false, 'The data set file cannot be read as what it claims to be.'),
  VALIDATION_DATASET_MISSING: code(422, false, 'The DAG names a data set that does not exist.'),
  VALIDATION_TRAINING_INVALID: code(
    422,
    false,
    'What is to be trained, or scored, does not fit the algorithm, the model or the data set; all problems are listed.',
  ),
  VALIDATION_SCHEDULE_INVALID: code(
    422,
    false,
    'The schedule cannot be carried out: it never comes due, or nobody knows its time zone or its event.',
  ),
  VALIDATION_ROW_INVALID: code(
    422,
    false,
    "The rows do not fit the model's signature; the fields are listed.",
  ),
  AUTH_TOKEN_MISSING: code(401, false, 'No bearer token was sent.'),
  AUTH_TOKEN_INVALID: code(401, false, 'The bearer token is not known.'),
  AUTH_CREDENTIALS: code(401, false, 'The name and the password do not fit each other.'),
  AUTH_FORBIDDEN: code(403, false, 'The role of the caller, or the scopes of the token, do not allow it.'),
  AUTH_THROTTLED: code(429, true, 'Too many logins have failed; `Retry-After` says when to try again.'),
  NOT_FOUND_ROUTE: code(404, false, 'No such route.'),
  NOT_FOUND_METHOD: code(
    405,
    false,
    'The route exists, but not with this method; `Allow` names those it has.',
  ),
  NOT_FOUND_DAG: code(404, false, 'No such DAG or DAG version.'),
  NOT_FOUND_RUN: code(404, false, 'No such run.'),
  NOT_FOUND_OPERATOR: code(404, false, 'The run has no such operator.'),
  NOT_FOUND_OUTPUT: code(404, false, 'The operator task has no such output, or not yet.'),
  NOT_FOUND_DATASET: code(404, false, 'No such data set.'),
  NOT_FOUND_MODEL: code(404, false, 'No such model or model version.'),
  NOT_FOUND_TASK: code(404, false, 'No such task.'),
  NOT_FOUND_IRIS: code(404, false, 'No such row of the iris table.'),
  NOT_FOUND_SCHEDULE: code(404, false, 'No such schedule.'),
  NOT_FOUND_USER: code(404, false, 'No such user.'),
  NOT_FOUND_TOKEN: code(404, false, 'No such token, or it belongs to somebody else.'),
  CONFLICT_USER_EXISTS: code(409, false, 'A user of this name exists.'),
  CONFLICT_DAG_SETTINGS: code(
    409,
    false,
    'The DAG of this name has a schedule or a limit of runs, which the version made here would take away.',
  ),
  CONFLICT_SCHEDULE_EXISTS: code(409, false, 'A schedule of this name exists.'),
  CONFLICT_SCHEDULE_OWNED: code(
    409,
    false,
    'The schedule is part of a DAG document; register a new version of the document to change it.',
  ),
  CONFLICT_RUN_FINISHED: code(409, false, 'The run is already in a final state.'),
  CONFLICT_RUN_ACTIVE: code(409, false, 'The run is not finished yet; cancel it or wait.'),
  CONFLICT_TASK_ACTIVE: code(409, true, 'The task has not ended yet; ask again later.'),
  CONFLICT_TASK_PLAIN: code(
    409,
    false,
    'The task is no run but a plain task: the call is carried out by its worker only (`celeriac control`).',
  ),
  CONFLICT_DATASET_EXISTS: code(409, false, 'A data set with this id or name exists.'),
  CONFLICT_MODEL_ARCHIVED: code(
    409,
    false,
    'The model version is archived: it is neither served nor given an alias; restore it first.',
  ),
  CONFLICT_MODEL_IN_USE: code(
    409,
    false,
    'An alias or traffic names the model version; take that away first. Or (when it is to be deleted) a rollback would go back to it, or an open run uses it.',
  ),
  CONFLICT_MODEL_NOT_ARCHIVED: code(
    409,
    false,
    'Only an archived version of a model can be deleted; archive it first.',
  ),
  CONFLICT_MODEL_NO_PREVIOUS: code(
    409,
    false,
    'There is no version to go back to: none was champion before, or it is archived or deleted.',
  ),
  CONFLICT_IDEMPOTENCY_KEY: code(409, false, 'The idempotency key was used for a different request.'),
  LIMIT_OPEN_RUNS: code(
    429,
    true,
    'As many runs are open as the limit allows; the run was not accepted, try again later.',
  ),
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
  BROKER_MESSAGE_UNENCODABLE: code(
    400,
    false,
    'A value cannot be written by the serializer that was chosen.',
  ),
  BROKER_CONTENT_REFUSED: code(
    415,
    false,
    'A message is in a format, or compressed in a way, that is not accepted.',
  ),
  BROKER_SIGNATURE_INVALID: code(403, false, 'A message is not signed, or not with a key that is known.'),
  STORE_UNAVAILABLE: code(503, true, 'The database cannot be reached or refuses writes.'),
  STORE_FULL: code(507, true, 'The artifact store has no space left.'),
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
  TASK_ALGORITHM_NOT_FOUND: code(422, false, 'The worker does not have this algorithm, or this task.'),
  TASK_ARTIFACT_NOT_FOUND: code(404, false, 'An input artifact does not exist or is not committed.'),
  TASK_TIMED_OUT: code(504, true, 'The attempt took longer than its time limit.'),
  TASK_OUT_OF_MEMORY: code(500, true, 'The attempt needed more memory than its limit.'),
  TASK_PROCESS_DIED: code(500, true, 'The process that ran the attempt ended unexpectedly.'),
  TASK_WORKER_LOST: code(500, true, 'The worker that held the attempt was lost too often.'),
  TASK_WORKER_STOPPED: code(
    500,
    true,
    'The worker stopped while it ran the attempt; another one runs it anew.',
  ),
  TASK_CANCELLED: code(409, false, 'The attempt was cancelled.'),
  TASK_MALFORMED_RESULT: code(500, false, 'The result of the attempt does not fit its schema.'),
  TASK_CANVAS_INVALID: code(422, false, 'A chain, group or chord cannot be carried out as it is composed.'),
  PREDICT_DEADLINE: code(504, true, 'The prediction was not ready before its deadline.'),
  PREDICT_SHED: code(503, true, 'Too many predictions are waiting; try again later.'),
  STREAM_LIMIT: code(503, true, 'Too many event streams are open; try again later, or poll.'),
  INTERNAL_ERROR: code(500, false, 'A defect in Celeriac.'),
  INTERNAL_ILLEGAL_TRANSITION: code(
    500,
    false,
    'An event asked for a transition that the state machine forbids.',
  ),
} as const satisfies Record<string, ErrorCodeFacts>

export type ErrorCode = keyof typeof errorCodes
export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(errorCodes, value)
