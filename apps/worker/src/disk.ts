import type { Clock } from '@celeriac/core'
import { artifactRootUrl, DiskGuard, diskReport, pathOf, type Logger } from '@celeriac/runtime'
import type { TaskWorker } from '@celeriac/tasks'
import type { WorkerConfig } from './config.ts'

export type DiskSettings = Pick<WorkerConfig, 'artifactUrl' | 'dataDir' | 'minFreeDiskMib'>

/**
 * Watches the disk that the operators write to: while it is full, the worker takes none, for each would fail; those that
 * run may still make it.
 */
export function watchDisk(
  { artifactUrl = null, dataDir = '.', minFreeDiskMib = 0 }: Partial<DiskSettings>,
  worker: Pick<TaskWorker, 'pauseOperators' | 'resumeOperators'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): DiskGuard {
  return new DiskGuard({
    path: pathOf(artifactRootUrl({ artifactUrl, dataDir })),
    minFreeBytes: minFreeDiskMib * 1_048_576,
    clock,
    onChange: (state) => {
      if (state.isFull) {
        logger.error({ disk: diskReport(state) }, 'the disk is full; no operators are taken')
        worker.pauseOperators()
      } else {
        logger.warn('the disk has space again; operators are taken')
        worker.resumeOperators()
      }
    },
  })
}
