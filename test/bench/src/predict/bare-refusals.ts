/**
 * The peer of the overload benchmark: a bare `node:http` server that answers whatever comes with 503 at once, in as many
 * bytes as Celeriac. A process of its own; it prints its port. What a machine cannot send to it, it can send to nobody.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const body = JSON.stringify({
  type: 'urn:celeriac:problem:PREDICT_SHED',
  title: 'Prediction shed',
  status: 503,
  detail: 'as many predictions of this model wait as it can answer soon',
  instance: 'urn:celeriac:request:00000000-0000-0000-0000-000000000000',
  code: 'PREDICT_SHED',
  retryable: true,
  details: { reason: 'full', name: 'bench-model' },
})
const headers = {
  'x-request-id': '00000000-0000-0000-0000-000000000000',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'retry-after': '1',
  'content-type': 'application/problem+json; charset=utf-8',
  'content-length': String(Buffer.byteLength(body)),
}
const server = createServer((_request, response) => {
  response.writeHead(503, headers).end(body)
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () =>
  console.log((server.address() as AddressInfo).port),
)
process.on('SIGTERM', () => process.exit(0))
