/** Keeps an id within what a stored string may take, whatever the client calls itself. */
const MAX_PREFIX_UNITS = 8192;

/** Ids as Kafka's: what the client calls itself, a dash and a random UUID of version 4. */
export function memberIdSource(random: () => number): (prefix: string) => string {
  return (prefix) => `${prefix.slice(0, MAX_PREFIX_UNITS)}-${uuid(random)}`;
}

function uuid(random: () => number): string {
  const bytes = Buffer.alloc(16);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
