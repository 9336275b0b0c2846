/** Rows of the iris table between the database, its clients and the file that is trained on. */
import { AppError, type IrisChange, type IrisRow, type NewIris } from '@celeriac/core'
import type { IrisBody, IrisPatch, IrisView } from '@celeriac/contracts'

/** Columns of a row as clients and models know them, in the order of the training file. */
export const irisMeasures = ['sepal_len', 'sepal_width', 'petal_len', 'petal_width'] as const

/** More rows than this the table does not take: the list has no pages, as in the articles. */
export const maxIrisRows = 10_000

export const irisView = (row: IrisRow): IrisView => ({
  id: row.id,
  sepal_len: row.sepalLen,
  sepal_width: row.sepalWidth,
  petal_len: row.petalLen,
  petal_width: row.petalWidth,
  category: row.category,
})

export const newIris = (given: IrisBody): NewIris => ({
  sepalLen: given.sepal_len,
  sepalWidth: given.sepal_width,
  petalLen: given.petal_len,
  petalWidth: given.petal_width,
  category: given.category ?? '',
})

/** What was not given stays as it is: also the category of a PUT, as in the articles. */
export const irisChange = (id: number, given: IrisPatch): IrisChange => ({
  id,
  ...(given.sepal_len === undefined ? {} : { sepalLen: given.sepal_len }),
  ...(given.sepal_width === undefined ? {} : { sepalWidth: given.sepal_width }),
  ...(given.petal_len === undefined ? {} : { petalLen: given.petal_len }),
  ...(given.petal_width === undefined ? {} : { petalWidth: given.petal_width }),
  ...(given.category === undefined ? {} : { category: given.category }),
})

/** Id of a row as the path says it: `7` or `7.json`; NaN when it is none. */
export const irisIdOf = (text: string): number =>
  /^\d{1,10}(\.json)?$/i.test(text) ? Number.parseInt(text, 10) : Number.NaN

export const irisNotFound = (): AppError => new AppError('NOT_FOUND_IRIS', 'there is no such row')

const measuresOf = (row: IrisRow): readonly number[] => [
  row.sepalLen,
  row.sepalWidth,
  row.petalLen,
  row.petalWidth,
]

/** The file that is trained on: the measures of all rows, in the order of the table. */
export const irisCsv = (rows: readonly IrisRow[]): string =>
  [irisMeasures.join(','), ...rows.map((row) => measuresOf(row).join(','))].join('\n') + '\n'

/** How many clusters there can be at most: one for each row that differs from the others. */
export const distinctRows = (rows: readonly IrisRow[]): number =>
  new Set(rows.map((row) => measuresOf(row).join())).size
