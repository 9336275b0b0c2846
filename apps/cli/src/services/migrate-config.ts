import { optionalSetting, setting, textSetting, urlSetting } from '@celeriac/runtime'

/** Settings of `celeriac migrate`. */
export const migrateConfigSchema = {
  databaseUrl: optionalSetting({
    type: urlSetting(['postgres', 'postgresql']),
    env: 'CELERIAC_DATABASE_URL',
    description: 'PostgreSQL; default: PGlite in the data directory.',
  }),
  dataDir: setting({
    type: textSetting(),
    env: 'CELERIAC_DATA_DIR',
    default: '.celeriac',
    description: 'Directory of the embedded database.',
  }),
} as const
