import type { Topology } from '@celeriac/broker'
import { encodeEngineMessage } from '@celeriac/contracts'
import { partitionOf, type Broker } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

/**
 * Tells the engine of a run that is stored. It only saves time: the run's row is its own outbox, found by the owner of
 * the partition within a second, so a publish that fails is nobody's business.
 */
export function announceRun(
  runId: string,
  deps: { readonly broker: Broker; readonly topology: Topology; readonly logger: Logger },
): void {
  const { broker, topology, logger } = deps
  const message = encodeEngineMessage(
    { event: 'run.created', run_id: runId },
    topology.eventQueue(partitionOf(runId)),
  )
  broker.publish([message]).then(
    ([outcome]) => {
      if (outcome !== 'confirmed') logger.warn({ run_id: runId, outcome }, 'run was not announced')
    },
    (error: unknown) => logger.warn({ run_id: runId, err: error }, 'run was not announced'),
  )
}
