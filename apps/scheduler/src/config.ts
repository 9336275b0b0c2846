import {
  booleanSetting,
  choiceSetting,
  httpPortSetting,
  integerSetting,
  optionalSetting,
  serviceSettings,
  setting,
  textSetting,
  urlSetting,
} from '@celeriac/runtime'
import { retentionSettings } from './housekeeping/retention-policy.ts'
import { modelSetting } from './protocols/mlflow/model-setting.ts'

const limitSetting = integerSetting({ min: 0, max: 1_000_000_000 })

/** Settings of the scheduler; `docs/reference/configuration.md` lists them (test-synced). */
export const schedulerConfigSchema = {
  ...serviceSettings,
  databaseUrl: setting({
    type: urlSetting(['postgres', 'postgresql']),
    env: 'CELERIAC_DATABASE_URL',
    description: 'PostgreSQL. Without it only `celeriac standalone` runs, with PGlite in the data directory.',
  }),
  httpPort: httpPortSetting(8780),
  ...retentionSettings,
  maxOpenRuns: setting({
    type: limitSetting,
    env: 'CELERIAC_MAX_OPEN_RUNS',
    default: 100_000,
    description:
      'Runs that are not finished, at most: further ones are refused with 429 until some have finished; 0 = no limit.',
  }),
  maxOpenRunsPerDag: setting({
    type: limitSetting,
    env: 'CELERIAC_MAX_OPEN_RUNS_PER_DAG',
    default: 0,
    description: 'The same of one DAG; 0 = no limit.',
  }),
  maxActiveRuns: setting({
    type: limitSetting,
    env: 'CELERIAC_MAX_ACTIVE_RUNS',
    default: 10_000,
    description:
      'Runs that the engine works on at a time, at most: further ones wait in the database, `queued`, oldest first; 0 = no limit. `max_active_runs` of a document limits one DAG. The same for all schedulers.',
  }),
  registration: setting({
    type: choiceSetting(['open', 'closed']),
    env: 'CELERIAC_REGISTRATION',
    default: 'closed',
    description:
      '`open`: whoever reaches the API may make an account, of the role that `CELERIAC_REGISTRATION_ROLE` says.',
  }),
  registrationRole: setting({
    type: choiceSetting(['viewer', 'editor']),
    env: 'CELERIAC_REGISTRATION_ROLE',
    default: 'viewer',
    description: 'Role of those who register themselves. An editor may also change data, train and run DAGs.',
  }),
  compatDoubleJson: setting({
    type: booleanSetting(),
    env: 'CELERIAC_COMPAT_DOUBLE_JSON',
    default: false,
    description:
      "`/api/train` and `/api/predict` answer exactly as the articles' system did: JSON text inside of a JSON text, and 201 for predictions.",
  }),
  invocationsModel: optionalSetting({
    type: modelSetting(),
    env: 'CELERIAC_INVOCATIONS_MODEL',
    description:
      'The model that `POST /invocations` means, MLflow’s scoring protocol: `name`, `name/version` or `name@alias`; default: none, requests must name one (`?model=`).',
  }),
  trustProxy: setting({
    type: booleanSetting(),
    env: 'CELERIAC_TRUST_PROXY',
    default: false,
    description:
      'A reverse proxy stands in front of the API: the last address of `X-Forwarded-For`, which the proxy wrote, is that of the client, for login throttling and the audit log.',
  }),
  apiToken: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_API_TOKEN',
    secret: true,
    description:
      'Admin token of the API; default: generated once and kept in the data directory, file `token`.',
  }),
} as const
