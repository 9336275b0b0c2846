/** Works on the items in order, `width` at a time. Rejects when `work` does, once what has begun is done. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  const lanes = await Promise.allSettled(Array.from({ length: width }, lane))
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason
}
