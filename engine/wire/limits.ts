import { VarveError } from '../errors.js';

/** What one server gives its clients, all listeners together. Names and defaults are Kafka's where it has them. */
export interface WireLimits {
  /** Largest request. 100 MiB. */
  readonly socketRequestMaxBytes: number;
  /** Memory of requests received and not yet answered; one larger request is still taken. 256 MiB (Kafka: no limit). */
  readonly queuedMaxRequestBytes: number;
  /** Largest request before authentication. 512 KiB. */
  readonly saslServerMaxReceiveSize: number;
  /** No limit. */
  readonly maxConnections: number;
  /** From one address. No limit. */
  readonly maxConnectionsPerIp: number;
  /** A connection that has sent nothing for so long, and waits for nothing, is closed. 10 minutes. */
  readonly connectionsMaxIdleMs: number;
  /** How late a client learns that authentication failed: slows guessing. 100 ms. */
  readonly connectionFailedAuthenticationDelayMs: number;
  /** TLS handshake and authentication must be done by then. 30 s. Not in Kafka. */
  readonly loginTimeoutMs: number;
  /** A request that has begun to come in, or an answer to go out, may stand still for so long. 30 s. Not in Kafka. */
  readonly stalledTransferMs: number;
}

const NO_LIMIT = 0x7fffffff;
const DAY_MS = 24 * 60 * 60 * 1000;

const TABLE: { readonly [Name in keyof WireLimits]: readonly [number, number, number] } = {
  //                       default            least   most
  socketRequestMaxBytes: [100 * 1024 * 1024, 1024, 0x7fffffff],
  queuedMaxRequestBytes: [256 * 1024 * 1024, 1024, Number.MAX_SAFE_INTEGER],
  saslServerMaxReceiveSize: [512 * 1024, 1024, 0x7fffffff],
  maxConnections: [NO_LIMIT, 0, NO_LIMIT],
  maxConnectionsPerIp: [NO_LIMIT, 0, NO_LIMIT],
  connectionsMaxIdleMs: [10 * 60 * 1000, 10, DAY_MS],
  connectionFailedAuthenticationDelayMs: [100, 0, 60_000],
  loginTimeoutMs: [30_000, 10, DAY_MS],
  stalledTransferMs: [30_000, 10, DAY_MS],
};

/** Fills in defaults. @throws VarveError INVALID_CONFIG with the name, the value and the range. */
export function wireLimits(input: Partial<WireLimits> = {}): WireLimits {
  const limits: Record<string, number> = {};
  for (const [name, [fallback, least, most]] of Object.entries(TABLE)) {
    const value = input[name as keyof WireLimits] ?? fallback;
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new VarveError(
        'INVALID_CONFIG',
        `${name} is ${value}: ${least} to ${most} are allowed`,
      );
    }
    limits[name] = value;
  }
  return limits as unknown as WireLimits;
}
