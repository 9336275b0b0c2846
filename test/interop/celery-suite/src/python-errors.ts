/** Exceptions of Python, as the tasks raise them. */
import { TaskError, type TaskValue } from '@celeriac/tasks'
import { pythonModule } from './app.ts'

export class ValueError extends TaskError {
  constructor(...args: readonly TaskValue[]) {
    super(args, { excType: 'ValueError', excModule: 'builtins' })
  }
}

export class ExpectedException extends TaskError {
  constructor(...args: readonly TaskValue[]) {
    super(args, { excType: 'ExpectedException', excModule: pythonModule })
  }
}

/** Python's takes two arguments and keeps the first: nobody can make it again from what crosses. */
export class UnpickleableException extends TaskError {
  constructor(foo: TaskValue) {
    super([foo], { excType: 'UnpickleableException', excModule: pythonModule })
  }
}
