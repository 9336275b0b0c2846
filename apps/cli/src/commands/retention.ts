import {
  retentionPreviewSchema,
  retentionSchema,
  retentionStartedSchema,
  type RetentionPreviewView,
  type RetentionView,
} from '@celeriac/contracts/http'
import { setTimeout as delay } from 'node:timers/promises'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import type { ApiClient } from '../client/api-client.ts'
import { connect } from '../client/connect.ts'
import { CliFault } from '../cli-fault.ts'

interface RetentionFlags extends RemoteFlags {
  readonly dryRun?: boolean
}

const path = '/api/v1/retention'
const pollMs = 500
/** A preview counts all that is old, and measures files. */
const previewTimeoutMs = 120_000

export const retentionCommand: AddCommands = (program, { io, signal }) => {
  withServer(program.command('retention'))
    .description(
      'delete now what the policy says is old: finished runs, logs, artifacts, results of plain tasks, the audit log, archived model versions',
    )
    .option('--dry-run', 'only say what would be deleted')
    .action(async (flags: RetentionFlags) => {
      const client = await connect(flags)
      if (flags.dryRun === true) {
        const preview = await client.get(`${path}/preview`, retentionPreviewSchema, {
          timeoutMs: previewTimeoutMs,
        })
        if (flags.json === true) printJson(io, preview)
        else for (const line of previewLines(preview)) io.out(line)
        return
      }
      await client.post(path, retentionStartedSchema)
      const ended = await untilEnded(client, signal())
      if (flags.json === true) printJson(io, ended)
      else io.out(removedLine(ended))
      if ((ended.started_at ?? '') > ended.succeeded_at)
        throw new CliFault('runFailed', 'not everything that is old was deleted', {
          hint: "the scheduler's log says why; it tries again within ten minutes",
        })
    })
}

async function untilEnded(client: ApiClient, signal: AbortSignal): Promise<RetentionView> {
  for (;;) {
    const state = await client.get(path, retentionSchema)
    if (!state.is_running) return state
    await delay(pollMs, undefined, { signal })
  }
}

function* previewLines(preview: RetentionPreviewView): Generator<string> {
  const { policy } = preview
  yield `runs        ${keptText(policy.runs_s)}: ${preview.runs} to delete, with ${preview.operator_tasks} operator tasks; ${preview.runs_kept_for_models} stay for their models`
  yield `logs        ${keptText(policy.logs_s)}: of ${preview.logs} other runs`
  yield `artifacts   ${keptText(policy.artifacts_s)}: of ${preview.artifacts} other runs`
  yield `results     ${preview.task_results} of plain tasks have expired`
  yield `audit log   ${keptText(policy.audit_s)}: ${preview.audit_entries} entries to delete`
  yield `models      ${keptText(policy.model_versions_s)}: ${preview.model_versions} archived versions to delete`
  const files = `${sizeText(preview.bytes)} in the files of ${preview.measured_runs} runs`
  yield `files       ${files}${preview.files_waiting > 0 ? `; of ${preview.files_waiting} runs from earlier passes` : ''}`
}

const keptText = (seconds: number | null): string =>
  seconds === null ? 'kept for ever' : `kept ${Number((seconds / 86_400).toFixed(2))} days`

function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10))
  return `${Number((bytes / 1_024 ** power).toFixed(1))} ${units[power]}`
}

const removedLine = ({ removed }: RetentionView): string =>
  removed === null
    ? 'nothing was deleted'
    : `deleted: ${removed.runs} runs, logs of ${removed.logs} and artifacts of ${removed.artifacts} others, ` +
      `${removed.task_results} results, ${removed.audit_entries} entries of the audit log, ` +
      `${removed.model_versions} archived versions of models; files of ${removed.files} runs` +
      (removed.files_failed > 0 ? `, and not those of ${removed.files_failed}` : '')
