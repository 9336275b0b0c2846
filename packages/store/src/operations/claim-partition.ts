import { sql } from 'drizzle-orm'
import type { Database } from '../database.ts'
import { partitions } from '../schema/index.ts'

/**
 * Raises the partition's epoch. The update waits for every batch that holds the row FOR SHARE (see commit-batch.ts);
 * once it has returned, no batch of an earlier epoch can commit any more.
 */
export async function claimPartition(
  database: Database,
  claim: { readonly partition: number; readonly owner: string },
): Promise<{ readonly epoch: number }> {
  const [claimed] = await database.query((db) =>
    db
      .insert(partitions)
      .values({ id: claim.partition, epoch: 1, owner: claim.owner, claimedAt: sql`now()` })
      .onConflictDoUpdate({
        target: partitions.id,
        set: { epoch: sql`${partitions.epoch} + 1`, owner: claim.owner, claimedAt: sql`now()` },
      })
      .returning({ epoch: partitions.epoch }),
  )
  if (claimed === undefined) throw new Error('an upsert returned nothing')
  return claimed
}
