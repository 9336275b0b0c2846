import { readFileSync } from 'node:fs'

/** Version of the installation: the one of this package. */
export const cliVersion: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version
