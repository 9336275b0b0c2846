/** The four measures of a flower, in centimetres. */
export interface IrisMeasures {
  readonly sepalLen: number
  readonly sepalWidth: number
  readonly petalLen: number
  readonly petalWidth: number
}

export interface NewIris extends IrisMeasures {
  /** May be empty. At most 500 characters. */
  readonly category: string
}

export interface IrisRow extends NewIris {
  readonly id: number
}

/** What is left out stays as it is. */
export type IrisChange = { readonly id: number } & Partial<NewIris>

/** The table of the articles' system: small, and always read whole. */
export interface IrisStore {
  /** All rows, oldest first. */
  listIris(): Promise<readonly IrisRow[]>
  findIris(id: number): Promise<IrisRow | null>
  /** Null: the table has `maxRows` rows already. */
  createIris(row: NewIris, limit: { readonly maxRows: number }): Promise<IrisRow | null>
  /** Null: there is no such row. */
  updateIris(change: IrisChange): Promise<IrisRow | null>
  /** False: there was no such row. */
  deleteIris(id: number): Promise<boolean>
  /** The data set that holds rows of this content: what was trained on once is not stored again. */
  findIrisDataset(sha256: string): Promise<number | null>
  keepIrisDataset(dataset: { readonly sha256: string; readonly datasetId: number }): Promise<void>
}
