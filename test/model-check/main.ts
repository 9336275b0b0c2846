import { parseArgs } from 'node:util'
import { boundsByName, plantedErrors, type BoundsName, type PlantedError } from './bounds.ts'
import { explore } from './explore.ts'
import { report } from './report.ts'

const { values } = parseArgs({
  options: { bounds: { type: 'string', default: 'small' }, plant: { type: 'string', multiple: true } },
})
const planted = values.plant ?? []
const unknown = planted.filter((name) => !plantedErrors.some((one) => one === name))
if (!Object.hasOwn(boundsByName, values.bounds) || unknown.length > 0) {
  console.error(`--bounds ${Object.keys(boundsByName).join(' | ')}\n--plant ${plantedErrors.join(' | ')}`)
  process.exit(2)
}
const name = values.bounds as BoundsName
const exploration = explore(boundsByName[name], planted as PlantedError[])
console.log(report(name, exploration))
process.exit(exploration.violation === null ? 0 : 1)
