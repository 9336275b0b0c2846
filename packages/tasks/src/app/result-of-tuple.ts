import type { ResultTuple } from '../result/task-meta.ts'
import type { AnyResult, ResultAccess } from './any-result.ts'
import { AsyncResult } from './async-result.ts'
import { GroupResult } from './group-result.ts'

/** The result that Celery writes as a tuple. */
export function resultOfTuple([[id, parent], members]: ResultTuple, access: ResultAccess): AnyResult {
  const before = parent === null ? null : resultOfTuple(parent, access)
  if (members === null) return new AsyncResult(id, access, before)
  return new GroupResult(
    id,
    members.map((member) => resultOfTuple(member, access)),
    access,
    before,
  )
}
