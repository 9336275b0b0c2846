import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ResultTuple } from '@celeriac/tasks'
import type { UseResultService } from './result-fixture.ts'

export function exerciseGroups(use: UseResultService): void {
  test('a saved group is found by every process, can be replaced, and forgotten', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const groupId = randomUUID()
    const result: ResultTuple = [
      [groupId, [['parent', null], null]],
      [
        [['a', null], null],
        [['inner', null], [[['b', null], null]]],
      ],
    ]
    expect(await reader.findGroup(groupId)).toBeNull()
    await writer.saveGroup(groupId, [[groupId, null], []])
    expect(await reader.findGroup(groupId)).toEqual([[groupId, null], []])
    await writer.saveGroup(groupId, result)
    expect(await reader.findGroup(groupId)).toEqual(result)
    await reader.forgetGroup(groupId)
    await reader.forgetGroup(groupId)
    expect(await writer.findGroup(groupId)).toBeNull()
  })
}
