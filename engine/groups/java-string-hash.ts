/** Java's `String.hashCode`, over UTF-16 units, as an int32. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The partition of `__consumer_offsets` that keeps a group [Kafka `GroupCoordinator.partitionFor`]. */
export function groupPartition(groupId: string, partitionCount: number): number {
  const hash = javaStringHash(groupId);
  // Kafka takes 0 for the one number that has no positive counterpart.
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitionCount;
}
