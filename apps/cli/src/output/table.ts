import Table from 'cli-table3'
import type { Io } from '../io.ts'
import { fit, widthOf } from './text-width.ts'

/** What a table has to know of where it is shown. */
export type TableRoom = Pick<Io, 'columns' | 'paint'>

export interface Column<T> {
  readonly title: string
  readonly value: (row: T) => string
  readonly align?: 'left' | 'right'
  /** Gives up width first, down to this many cells; columns without it are never cut. */
  readonly shrinksTo?: number
  /** Colours the cell after it was cut and measured. */
  readonly paint?: (text: string, row: T) => string
}

const gap = 2
const noBorders = Object.fromEntries(
  [
    'top,top-mid,top-left,top-right,bottom,bottom-mid,bottom-left,bottom-right',
    'left,left-mid,mid,mid-mid,right,right-mid',
  ]
    .join(',')
    .split(',')
    .map((name) => [name, '']),
)

/** Rows as aligned columns without borders, no wider than the terminal. '' when there are no rows. */
export function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[], io: TableRoom): string {
  if (rows.length === 0) return ''
  const cells = rows.map((row) => columns.map((column) => column.value(row)))
  const widths = fitWidths(columns, cells, io.columns)
  const table = new Table({
    chars: { ...noBorders, middle: ' '.repeat(gap) },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: columns.map((column) => column.align ?? 'left'),
  })
  table.push(columns.map(({ title }) => io.paint('dim', title)))
  for (const [index, row] of rows.entries())
    table.push(
      columns.map((column, position) => {
        const text = fit(cells[index]?.[position] ?? '', widths[position] ?? 0)
        return column.paint?.(text, row) ?? text
      }),
    )
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

function fitWidths<T>(
  columns: readonly Column<T>[],
  cells: readonly (readonly string[])[],
  available: number,
): number[] {
  const widths = columns.map(({ title }, position) =>
    cells.reduce((width, row) => Math.max(width, widthOf(row[position] ?? '')), widthOf(title)),
  )
  let excess = widths.reduce((sum, width) => sum + width + gap, -gap) - available
  // The widest shrinkable column gives way first, so that columns end up about equally cut.
  while (excess > 0) {
    const widest = widths.reduce((best, width, position) => {
      const least = columns[position]?.shrinksTo
      if (least === undefined || width <= least) return best
      return best === -1 || width > (widths[best] ?? 0) ? position : best
    }, -1)
    if (widest === -1) break
    widths[widest] = (widths[widest] ?? 1) - 1
    excess--
  }
  return widths
}
