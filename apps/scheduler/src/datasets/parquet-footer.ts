import { parquetMetadata } from 'hyparquet'
import { z } from 'zod'

const count = z.bigint().min(0n).max(BigInt(Number.MAX_SAFE_INTEGER))

const elementSchema = z.object({
  name: z.string(),
  /** Absent for groups: the root and nested columns. */
  type: z.string().optional(),
  num_children: z.int().optional(),
  repetition_type: z.string().optional(),
  converted_type: z.string().optional(),
  logical_type: z.object({ type: z.string() }).optional(),
})

const chunkSchema = z.object({
  num_values: count,
  total_compressed_size: count,
  data_page_offset: count,
  dictionary_page_offset: count.optional(),
  statistics: z.object({ null_count: count.optional() }).optional(),
})

/** What is used of a footer. Its reader takes damaged bytes for values of any type, so all of it is checked. */
const footerSchema = z.object({
  metadata_length: z.int(),
  num_rows: count,
  /** The first element is the root, the others are its columns in order (and what is nested in them). */
  schema: z.array(elementSchema).min(1),
  row_groups: z.array(
    z.object({
      num_rows: count,
      /** Absent data: the column lies in another file. */
      columns: z.array(z.object({ meta_data: chunkSchema.optional() })),
    }),
  ),
})

export type ParquetFooter = z.output<typeof footerSchema>
export type ParquetElement = ParquetFooter['schema'][number]
export type ParquetChunk = z.output<typeof chunkSchema>

/** Reads a footer with the eight bytes behind it; null when the bytes are none. */
export function decodeParquetFooter(bytes: Uint8Array): ParquetFooter | null {
  try {
    return footerSchema.safeParse(parquetMetadata(bytes, { geoparquet: false })).data ?? null
  } catch {
    // Whatever the reader stumbled over (a range, a missing field).
    return null
  }
}
