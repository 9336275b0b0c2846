import type { OpenResultStore } from '../result/backend-from-url.ts'

/**
 * Where results live when the application does not say: in the database of the platform, where there is one; else they
 * come back to the caller.
 */
export const defaultBackendUrl = (environment: NodeJS.ProcessEnv = process.env): string => {
  const { CELERIAC_DATABASE_URL: url } = environment
  return url === undefined || url === '' ? 'rpc://' : url
}

/** Loaded on demand: with another backend an application needs no database driver. */
export const openPgResultStore: OpenResultStore = async (options) => {
  const { createPgTaskResultStore } = await import('@celeriac/store')
  return createPgTaskResultStore(options)
}
