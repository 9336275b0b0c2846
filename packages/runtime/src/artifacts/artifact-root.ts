import { join } from 'node:path'
import { fileUrlOf } from './artifact-layout.ts'

/** The artifact root: what the configuration says, else `<data_dir>/artifacts`. */
export const artifactRootUrl = (config: {
  readonly artifactUrl: string | null
  readonly dataDir: string
}): string => config.artifactUrl ?? fileUrlOf(join(config.dataDir, 'artifacts'))
