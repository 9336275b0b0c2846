import type { Topology } from '@celeriac/broker'
import type { Broker, Clock } from '@celeriac/core'
import type { ArtifactLayout, Logger, MetricsRegistry, Service } from '@celeriac/runtime'
import { reportLimits, reportWaiting } from './limit-metrics.ts'
import { createGatewayMetrics } from './metrics.ts'
import { ModelChanges } from './model-changes.ts'
import { ModelRoutes, type RouteReader } from './model-routes.ts'
import { PredictClient } from './predict-client.ts'
import { PredictGateway } from './predict-gateway.ts'
import { reportScores } from './score-metrics.ts'
import { ScoreWatch } from './score-watch.ts'
import { Shadow } from './shadow.ts'
import { Signatures } from './signatures.ts'

export interface PredictionParts {
  readonly registry: RouteReader
  readonly broker: Broker
  readonly topology: Topology
  readonly artifacts: Pick<ArtifactLayout, 'root'>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricsRegistry
  /** Name of this scheduler, unique among those alive. */
  readonly name: string
}

/** Everything behind the prediction routes, to be started and stopped as one service. */
export interface Predictions extends Service {
  readonly gateway: PredictGateway
  /** The scores that callers got. */
  readonly scores: ScoreWatch
  /** A model was changed, and that is in the database. Returns at once. */
  changed(name: string): void
}

export function createPredictions(parts: PredictionParts): Predictions {
  const { clock, logger } = parts
  const metrics = createGatewayMetrics(parts.metrics)
  const routes = new ModelRoutes({ ...parts, onRefresh: (reason) => metrics.refreshes.inc({ reason }) })
  const changes = new ModelChanges({ ...parts, routes })
  const client = new PredictClient({ ...parts, onSent: (rows) => metrics.messageRows.observe(rows) })
  const signatures = new Signatures(parts.artifacts)
  const shadow = new Shadow({
    client,
    signatures,
    clock,
    logger,
    onOutcome: (outcome) => metrics.shadow.inc({ outcome }),
  })
  const scores = new ScoreWatch(clock)
  const deps = { routes, signatures, client, shadow, metrics, scores, clock, random: Math.random }
  const gateway = new PredictGateway(deps)
  reportScores(parts.metrics, scores)
  reportLimits(parts.metrics, gateway)
  reportWaiting(parts.metrics, { gateway, client })
  return {
    name: 'predictions',
    gateway,
    scores,
    changed: (model) => changes.changed(model),
    async start() {
      await client.start()
      await changes.start()
    },
    async stop() {
      routes.stop()
      await client.stop()
    },
  }
}
