import type { Route } from '../route.ts'
import { algorithmRoutes } from './algorithms.ts'
import { articlesAuthRoutes } from './articles-auth.ts'
import { auditRoutes } from './audit.ts'
import { authRoutes } from './auth.ts'
import { batchPredictRoutes } from './batch-predict.ts'
import { dagRoutes } from './dags.ts'
import { datasetRoutes } from './datasets.ts'
import { explainRoutes } from './explain.ts'
import { fleetRoutes } from './fleet.ts'
import { healthRoutes, openApiRoute } from './health.ts'
import { inferenceRepositoryRoutes } from './inference-v2-repository.ts'
import { inferenceRoutes } from './inference-v2.ts'
import { irisModelRoutes } from './iris-model.ts'
import { irisRoutes } from './iris.ts'
import { logRoutes } from './logs.ts'
import { mlflowRoutes } from './mlflow.ts'
import { modelChangeRoutes } from './model-changes.ts'
import { modelDriftRoutes } from './model-drift.ts'
import { modelRoutes } from './models.ts'
import { outputDownloadRoutes } from './output-download.ts'
import { outputRoutes } from './outputs.ts'
import { predictRoutes } from './predict.ts'
import { retentionRoutes } from './retention.ts'
import { runChangeRoutes } from './run-changes.ts'
import { runEventRoutes } from './run-events.ts'
import { runRoutes } from './runs.ts'
import { scheduleFiringRoutes } from './schedule-firings.ts'
import { scheduleRoutes } from './schedules.ts'
import { taskRoutes } from './tasks.ts'
import { tokenRoutes } from './tokens.ts'
import { trainRoutes } from './train.ts'
import { userRoutes } from './users.ts'

/** The route table: all that the server answers. What is not here is 404, and only for those who have a token. */
export const routes: readonly Route[] = [
  ...dagRoutes,
  ...runRoutes,
  ...runChangeRoutes,
  ...explainRoutes,
  ...runEventRoutes,
  ...logRoutes,
  ...outputRoutes,
  ...outputDownloadRoutes,
  ...trainRoutes,
  ...batchPredictRoutes,
  ...taskRoutes,
  ...scheduleRoutes,
  ...scheduleFiringRoutes,
  ...datasetRoutes,
  ...algorithmRoutes,
  ...modelRoutes,
  ...modelChangeRoutes,
  ...modelDriftRoutes,
  ...predictRoutes,
  // Before the others: `/v2/models/stats` is no model.
  ...inferenceRepositoryRoutes,
  ...inferenceRoutes,
  ...mlflowRoutes,
  ...fleetRoutes,
  ...retentionRoutes,
  ...authRoutes,
  ...tokenRoutes,
  ...userRoutes,
  ...auditRoutes,
  ...articlesAuthRoutes,
  ...irisRoutes,
  ...irisModelRoutes,
  ...healthRoutes,
  openApiRoute(() => routes),
]
