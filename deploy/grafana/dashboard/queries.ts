/** Selects the processes that the variable `instance` of the dashboard names. */
export const chosen = 'instance=~"$instance"'

/** Selects the routes that answer with predictions: native JSON, Open Inference Protocol, MLflow's. */
export const predictRoutes = 'route=~".*/(predict|infer|invocations)"'

/** Per second, summed by these labels. */
export const rate = (metric: string, by: string, selector = ''): string =>
  `sum by (${by}) (rate(celeriac_${metric}{${selector}}[$__rate_interval]))`

/** Quantile of a histogram, by these labels (none: over all). */
export const quantile = (q: number, metric: string, by = '', selector = ''): string => {
  const labels = by === '' ? 'le' : `${by}, le`
  return `histogram_quantile(${q}, sum by (${labels}) (rate(celeriac_${metric}_bucket{${selector}}[$__rate_interval])))`
}
