/**
 * Every CELERIAC_ variable that some program of the platform reads. Programs share one environment, so a variable is
 * reported as unknown only when nobody reads it.
 */
export const environmentNames = [
  'CELERIAC_ALGORITHMS_DIR',
  'CELERIAC_AMQP_URL',
  'CELERIAC_API_TOKEN',
  'CELERIAC_ARTIFACT_URL',
  'CELERIAC_CONCURRENCY',
  'CELERIAC_CONFIG',
  'CELERIAC_DATABASE_URL',
  'CELERIAC_DATA_DIR',
  'CELERIAC_HTTP_HOST',
  'CELERIAC_HTTP_PORT',
  'CELERIAC_LOG_LEVEL',
  'CELERIAC_PYTHON',
  'CELERIAC_QUEUE_PREFIX',
  'CELERIAC_READ_ROOTS',
  'CELERIAC_REDIS_URL',
  'CELERIAC_SERVER',
  'CELERIAC_SHARED_DIR',
  'CELERIAC_WORKER_NAME',
] as const
