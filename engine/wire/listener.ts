import { isIP } from 'node:net';
import { VarveError } from '../errors.js';
import { SASL_MECHANISMS, type SaslOptions } from './sasl/session.js';

/** One address to serve, and what clients have to show there. */
export interface ListenerOptions {
  /** Brokers tell clients the addresses of the listener they came in by. */
  readonly name: string;
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Default 0: any that is free. */
  readonly port?: number;
  readonly tls?: ListenerTls;
  /** Every client must authenticate. */
  readonly sasl?: SaslOptions;
  /**
   * Without this, a host that other machines can reach needs `sasl` or client certificates: whoever reaches the
   * port can read, write and delete everything.
   */
  readonly allowInsecure?: boolean;
}

export interface ListenerTls {
  /** PEM. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Whose client certificates are trusted. PEM. */
  readonly ca?: string | Buffer;
  /** Clients must show a certificate signed by `ca`; its subject is their principal. */
  readonly requestClientCert?: boolean;
}

/** @throws VarveError INVALID_CONFIG */
export function checkListener(options: ListenerOptions): void {
  const { name, host = '127.0.0.1', port = 0, tls, sasl, allowInsecure = false } = options;
  if (name === '') throw new VarveError('INVALID_CONFIG', 'a listener needs a name');
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new VarveError('INVALID_CONFIG', `listener ${name} has port ${port}: 0 to 65535`);
  }
  if (tls?.requestClientCert === true && tls.ca === undefined) {
    throw new VarveError('INVALID_CONFIG', `listener ${name}: requestClientCert needs ca`);
  }
  if (sasl !== undefined) {
    const unknown = sasl.mechanisms.find((each) => !SASL_MECHANISMS.includes(each));
    if (unknown !== undefined || sasl.mechanisms.length === 0) {
      throw new VarveError(
        'INVALID_CONFIG',
        `listener ${name} offers SASL ${unknown ?? 'without a mechanism'}: ${SASL_MECHANISMS.join(', ')}`,
      );
    }
  }
  const authenticates = sasl !== undefined || tls?.requestClientCert === true;
  if (!isLoopback(host) && !authenticates && !allowInsecure) {
    throw new VarveError(
      'INVALID_CONFIG',
      `listener ${name} on ${host || 'every address'} would serve anybody who reaches it: ` +
        'give it sasl or client certificates, listen on 127.0.0.1, or set allowInsecure',
    );
  }
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
