import { epochMs } from '../schema/columns.ts'
import { modelVersions } from '../schema/index.ts'

/** Columns of a model version as the port's record. */
export const modelVersionColumns = {
  name: modelVersions.name,
  version: modelVersions.version,
  alias: modelVersions.alias,
  runId: modelVersions.runId,
  operatorId: modelVersions.operatorId,
  attempt: modelVersions.attempt,
  uri: modelVersions.uri,
  deployment: modelVersions.deployment,
  createdAt: epochMs(modelVersions.createdAt),
}
