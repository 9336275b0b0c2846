import {
  httpPortSetting,
  optionalSetting,
  serviceSettings,
  setting,
  textSetting,
  urlSetting,
} from '@celeriac/runtime'

/** Settings of the scheduler; `docs/reference/configuration.md` lists them (test-synced). */
export const schedulerConfigSchema = {
  ...serviceSettings,
  databaseUrl: setting({
    type: urlSetting(['postgres', 'postgresql']),
    env: 'CELERIAC_DATABASE_URL',
    description: 'PostgreSQL. Without it only `celeriac standalone` runs, with PGlite in the data directory.',
  }),
  httpPort: httpPortSetting(8780),
  apiToken: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_API_TOKEN',
    secret: true,
    description:
      'Admin token of the API; default: generated once and kept in the data directory, file `token`.',
  }),
} as const
