import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { promisify } from 'node:util'
import { CliFault } from '../cli-fault.ts'

/** Id under which examples/demo.yaml reads the data: the number of its rows. */
export const breastCancerDatasetId = 569

const script = `
import csv, sys
from sklearn.datasets import load_breast_cancer
data = load_breast_cancer()
names = [name.replace(" ", "_") for name in data.feature_names]
with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow([*names, "diagnosis"])
    for row, target in zip(data.data, data.target):
        writer.writerow([*(repr(float(value)) for value in row), str(data.target_names[target])])
`

/** Writes scikit-learn's breast cancer data (569 real rows, 30 features) as CSV, unless the file is there already. */
export async function exportBreastCancer(file: string, python: PythonCommand): Promise<void> {
  if (existsSync(file)) return
  const partial = `${file}.${process.pid}`
  try {
    await promisify(execFile)(python.command, ['-c', script, partial], {
      env: { ...process.env, ...python.env },
      timeout: 120_000,
    })
  } catch (cause) {
    throw new CliFault('unavailable', `Python (${python.command}) could not give the sample data`, {
      hint: 'it needs scikit-learn; `node scripts/python-env.mjs` prepares an environment, CELERIAC_PYTHON names another',
      cause,
    })
  }
  await rename(partial, file)
}

export interface PythonCommand {
  readonly command: string
  readonly env?: Readonly<Record<string, string>>
}
