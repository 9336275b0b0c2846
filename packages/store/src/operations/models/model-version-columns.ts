import { sql } from 'drizzle-orm'
import { epochMs, epochMsOrNull } from '../../schema/columns.ts'
import { modelAliases, modelVersions } from '../../schema/index.ts'

/** Columns of a model version as the port's record. */
export const modelVersionColumns = {
  name: modelVersions.name,
  version: modelVersions.version,
  // Names of columns by hand: the builder leaves the table's out where it selects from one alone.
  aliases: sql<string[]>`array(
    select a.alias from ${modelAliases} a
    where a.name = model_versions.name and a.version = model_versions.version
    order by a.alias collate "C"
  )`,
  runId: modelVersions.runId,
  operatorId: modelVersions.operatorId,
  attempt: modelVersions.attempt,
  uri: modelVersions.uri,
  deployment: modelVersions.deployment,
  createdAt: epochMs(modelVersions.createdAt),
  archivedAt: epochMsOrNull(modelVersions.archivedAt),
  createdBy: modelVersions.createdBy,
}
