import { countSchema, newAliasSchema, scheduleNameSchema, textSchema } from '@celeriac/contracts'
import { z } from 'zod'

/** Parameters of paths. Longest text: 300 characters; ids and names are shorter. */
const longest = 300

export const dagParams = z.object({ id: textSchema(longest).describe('Id or name of the DAG.') })
export const dagVersionParams = dagParams.extend({ version: countSchema(1).describe('Version number.') })
export const runParams = z.object({ id: textSchema(longest).describe('Id of the run.') })
export const taskParams = z.object({
  id: textSchema(255).describe('Id of the task: of a run, or of a plain task.'),
})
export const operatorParams = runParams.extend({
  operator: textSchema(longest).describe('Id of the operator in its document.'),
})
export const outputParams = operatorParams.extend({
  port: countSchema(0, 1_000).describe('Number of the output port.'),
})
export const datasetParams = z.object({ id: countSchema(1).describe('Id of the data set.') })
export const modelParams = z.object({ name: textSchema(longest).describe('Name of the model.') })
export const modelVersionParams = modelParams.extend({ version: countSchema(1).describe('Version number.') })
export const modelAliasParams = modelParams.extend({
  alias: textSchema(longest).describe('Alias of a version.'),
})
export const newModelAliasParams = modelParams.extend({
  alias: newAliasSchema.describe('Alias of a version; not a number.'),
})
export const scheduleParams = z.object({ name: scheduleNameSchema.describe('Name of the schedule.') })
export const userParams = z.object({ id: textSchema(longest).describe('Id or name of the user.') })
export const tokenParams = z.object({ id: textSchema(longest).describe('Id of the token.') })
export const dagNameQuery = z.strictObject({
  name: textSchema(200).optional().describe("Name of the DAG; default: the document's own."),
})
