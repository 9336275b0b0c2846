import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './processes.ts'

const venv = join(root, '.venv', 'bin', 'python')
const python = process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')

const script = `
import csv, sys
from sklearn.datasets import load_breast_cancer
data = load_breast_cancer()
writer = csv.writer(sys.stdout)
writer.writerow([*(name.replace(" ", "_") for name in data.feature_names), "diagnosis"])
for row, target in zip(data.data, data.target):
    writer.writerow([*row, data.target_names[target]])
`

/** The data of the demo, as CSV: scikit-learn's, written by the same interpreter that runs the operators. */
export const tumours = (): string => execFileSync(python, ['-c', script], { encoding: 'utf8' })
