import type { Readiness } from './http/api-deps.ts'
import type { Intake } from './submission/intake.ts'
import type { StoreProbe } from './submission/store-probe.ts'

/**
 * Whether requests may be sent here: database, broker and artifact store can be used. Names what is wrong with each.
 * Answers within a second, whatever hangs.
 */
export async function readinessOf(parts: {
  readonly probe: Pick<StoreProbe, 'check'>
  readonly intake: Pick<Intake, 'checks'>
}): Promise<Readiness> {
  const database = await parts.probe.check()
  const { broker, disk } = parts.intake.checks()
  const checks = { database, broker, artifact_store: disk }
  return { ready: Object.values(checks).every((check) => check === 'ok'), checks }
}
