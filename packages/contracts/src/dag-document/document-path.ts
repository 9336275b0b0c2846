/** Steps from the root of a document: mapping keys and positions in sequences. */
export type DocumentPath = readonly (string | number)[]

/** Keys with other characters are quoted, so that a path has one reading. */
const plainKey = /^[^\s.[\]"'\\]+$/

/** `['dag', 'operator_rels', 'a', 0, 'target']` → `dag.operator_rels.a[0].target` */
export function formatPath(path: DocumentPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (plainKey.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step.slice(0, 200))}]`
  }
  return text
}
