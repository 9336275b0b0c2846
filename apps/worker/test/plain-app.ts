/** A module of plain tasks, as `--import` names one. */
import { createMemoryBroker, buildTopology } from '@celeriac/broker'
import { systemClock } from '@celeriac/runtime'
import { Celeriac, MemoryBackend, MemoryResults } from '@celeriac/tasks'
import { z } from 'zod'

/** What the tasks have stored; for tests in the same process. */
export const results = new MemoryResults()

export const app = new Celeriac({
  // Calls nobody: the broker is never started.
  broker: createMemoryBroker({ topology: buildTopology(), clock: systemClock }),
  backend: new MemoryBackend({ results }),
})

app.task('tasks.add', z.tuple([z.number(), z.number()]), ([x, y]) => x + y)
