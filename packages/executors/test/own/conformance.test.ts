import { silentLogger } from '@celeriac/runtime'
import { exerciseExecutor } from '@celeriac/testkit'
import { BaseExecutor } from '../../src/index.ts'
import { inProcess, inProcessAttempts } from './in-process.ts'

exerciseExecutor('made of a behaviour', async () => ({
  executor: new BaseExecutor({ name: 'own', behaviour: inProcess, logger: silentLogger(), graceMs: 50 }),
  attempts: inProcessAttempts,
  close: async () => {},
}))
