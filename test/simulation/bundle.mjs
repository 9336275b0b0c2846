// Bundles the simulation with the real sources of the platform, some of them mutated on the way.
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const written = new Set()
process.once('exit', () => {
  for (const file of written) rmSync(file, { force: true })
})

/**
 * Writes `test/simulation/dist/<name>.mjs`, which goes with this process, and gives its path.
 * @param {string} name
 * @param {readonly { file: string, find: string, replace: string }[]} [changes] each must be found exactly once
 */
export async function bundleSimulation(name, changes = []) {
  const applied = new Set()
  const outfile = join(root, 'test', 'simulation', 'dist', `${name}-${process.pid}.mjs`)
  written.add(outfile)
  await build({
    entryPoints: [join(root, 'test', 'simulation', 'src', 'main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
    conditions: ['@celeriac/source'],
    plugins: [
      {
        name: 'own-sources',
        setup(context) {
          context.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
            if (kind === 'entry-point') return undefined
            const own = /^@celeriac\/(\w+)$/.exec(path)?.[1]
            // The store is real in other tests: here is one of our own.
            if (own === undefined || own === 'store') return { path, external: true }
            const folder = ['scheduler', 'worker', 'cli'].includes(own) ? 'apps' : 'packages'
            return { path: join(root, folder, own, 'src', 'index.ts') }
          })
          context.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const mine = changes.filter(({ file }) => path === join(root, file))
            if (mine.length === 0) return undefined
            let contents = readFileSync(path, 'utf8')
            for (const change of mine) {
              const found = contents.split(change.find).length - 1
              if (found !== 1)
                throw new Error(`${change.file}: the text to mutate occurs ${found} times: ${change.find}`)
              contents = contents.replace(change.find, () => change.replace)
              applied.add(change)
            }
            return { contents, loader: 'ts' }
          })
        },
      },
    ],
  })
  const missed = changes.filter((change) => !applied.has(change))
  if (missed.length > 0)
    throw new Error(`not part of the simulation: ${missed.map(({ file }) => file).join(', ')}`)
  return outfile
}
