import type { Route } from '../route.ts'
import { algorithmRoutes } from './algorithms.ts'
import { dagRoutes } from './dags.ts'
import { datasetRoutes } from './datasets.ts'
import { fleetRoutes } from './fleet.ts'
import { healthRoutes, openApiRoute } from './health.ts'
import { logRoutes } from './logs.ts'
import { modelRoutes } from './models.ts'
import { outputRoutes } from './outputs.ts'
import { runChangeRoutes } from './run-changes.ts'
import { runRoutes } from './runs.ts'

/** The route table: all that the server answers. What is not here is 404, and only for those who have a token. */
export const routes: readonly Route[] = [
  ...dagRoutes,
  ...runRoutes,
  ...runChangeRoutes,
  ...logRoutes,
  ...outputRoutes,
  ...datasetRoutes,
  ...algorithmRoutes,
  ...modelRoutes,
  ...fleetRoutes,
  ...healthRoutes,
  openApiRoute(() => routes),
]
