/** Grafana's own builders of dashboards: what they accept is what Grafana's schema allows. */
export * as bargauge from '@grafana/grafana-foundation-sdk/bargauge'
export * as common from '@grafana/grafana-foundation-sdk/common'
export * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
export * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
export * as stat from '@grafana/grafana-foundation-sdk/stat'
export * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'
