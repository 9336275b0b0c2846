// Health check of the images: 0 while the service on CELERIAC_HTTP_PORT is ready. What it prints is kept by
// `docker inspect`, so it says which dependency is missing.
const answer = await fetch(`http://127.0.0.1:${process.env.CELERIAC_HTTP_PORT}/readyz`, {
  signal: AbortSignal.timeout(4_000),
}).catch((error) => ({ ok: false, text: async () => String(error.cause ?? error) }))
console.log(await answer.text())
process.exitCode = answer.ok ? 0 : 1
