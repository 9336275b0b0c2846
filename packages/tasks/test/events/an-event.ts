import { parseCeleryEvent } from '../../src/events/celery-event.ts'
import type { CeleryEvent } from '../../src/index.ts'

/** An event as a worker sends it; later ones have higher clocks unless the test says otherwise. */
export const anEvent = (type: string, clock: number, fields: object = {}): CeleryEvent =>
  parseCeleryEvent({
    type,
    hostname: 'celery@one',
    timestamp: 1_700_000_000 + clock,
    utcoffset: 0,
    pid: 1,
    clock,
    ...(type.startsWith('task-') ? { uuid: 'a' } : {}),
    ...fields,
  })
