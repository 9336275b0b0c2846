/** The tasks of Celery's `t/integration/tasks.py`, by name and behaviour: what `celeriac worker --import` is given. */
import './plain-tasks.ts'
import './request-tasks.ts'
import './failing-tasks.ts'
import './redis-tasks.ts'
import './canvas-tasks.ts'
import './signature-tasks.ts'

export { app } from './app.ts'
