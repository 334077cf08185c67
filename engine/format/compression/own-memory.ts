/** Up to here Node's pool shares memory between buffers anyway. */
const POOLED_BYTES = 4096;

/** `output`, copied where it would keep more than twice its size alive. */
export function ownMemory(output: Buffer): Buffer {
  const keptBytes = output.buffer.byteLength;
  if (keptBytes <= output.length * 2 || keptBytes <= POOLED_BYTES) return output;
  return Buffer.from(output);
}
