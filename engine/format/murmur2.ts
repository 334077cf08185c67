/**
 * The 32-bit murmur2 hash with Kafka's seed (`Utils.murmur2`), as a signed int32. Kafka's Java client
 * picks the partition of a keyed record by it, so every client must agree on it.
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = 0x9747b28c ^ length;
  const blocksEnd = length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) {
    let block =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    block = Math.imul(block, 0x5bd1e995);
    block ^= block >>> 24;
    hash = Math.imul(hash, 0x5bd1e995) ^ Math.imul(block, 0x5bd1e995);
  }
  const tail = length & 3;
  if (tail > 0) {
    if (tail === 3) hash ^= bytes[blocksEnd + 2]! << 16;
    if (tail >= 2) hash ^= bytes[blocksEnd + 1]! << 8;
    hash = Math.imul(hash ^ bytes[blocksEnd]!, 0x5bd1e995);
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995);
  return hash ^ (hash >>> 15);
}

/** The partition of a record with this key among `partitions` (at least 1), as Kafka's Java client has it. */
export function partitionForKey(bytes: Uint8Array, partitions: number): number {
  return (murmur2(bytes) & 0x7fff_ffff) % partitions;
}
