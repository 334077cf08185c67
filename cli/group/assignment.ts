/**
 * Reads the partitions out of a consumer's assignment: version, then an array of topic and partitions (Kafka's
 * ConsumerProtocolAssignment). Members put there what they like: what cannot be read is no assignment.
 */
export function readAssignment(bytes: Buffer): Map<string, number[]> {
  const assignment = new Map<string, number[]>();
  try {
    let at = 2;
    const topics = bytes.length === 0 ? 0 : int32();
    for (let i = 0; i < topics; i += 1) {
      const length = bytes.readInt16BE(at);
      const name = bytes.toString('utf8', at + 2, at + 2 + length);
      at += 2 + length;
      const partitions: number[] = [];
      for (let left = int32(); left > 0; left -= 1) partitions.push(int32());
      assignment.set(name, partitions);
    }

    function int32(): number {
      at += 4;
      return bytes.readInt32BE(at - 4);
    }
  } catch (error) {
    if (error instanceof RangeError) return new Map();
    throw error;
  }
  return assignment;
}
