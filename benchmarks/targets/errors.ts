import { isVarveError } from '../../engine/index.js';
import { BenchError } from './target.js';

/** What went wrong on the way to a broker, or there, in the suite's terms: what to do is part of the message. */
export function benchErrorOf(error: unknown, address: string): BenchError {
  if (error instanceof BenchError) return error;
  const cause = { cause: error };
  const why = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) return diskFull(`${address}: ${why}`, error);
  if (isVarveError(error, 'SASL_AUTHENTICATION_FAILED')) {
    return new BenchError(
      'AUTHENTICATION_FAILED',
      `${address} refused the login: ${why}. Check user, password and mechanism`,
      cause,
    );
  }
  if (isCertificateProblem(error)) {
    return new BenchError(
      'AUTHENTICATION_FAILED',
      `${why}: TLS with ${address} failed. Give the authority that signed its certificate, or the client certificate it asks for`,
      cause,
    );
  }
  if (isVarveError(error, 'NETWORK_EXCEPTION') || isVarveError(error, 'REQUEST_TIMED_OUT')) {
    return new BenchError(
      'TARGET_UNREACHABLE',
      `${address} cannot be reached: ${why}. Is it running there, and does it want TLS or SASL?`,
      cause,
    );
  }
  if (isVarveError(error, 'ABORTED')) {
    return new BenchError('INTERRUPTED', 'the run was interrupted', cause);
  }
  return new BenchError('TARGET_FAILED', `${address}: ${why}`, cause);
}

export function diskFull(what: string, cause?: unknown): BenchError {
  return new BenchError(
    'DISK_FULL',
    `${what}. Make room, or run on another disk with TMPDIR=DIRECTORY`,
    cause === undefined ? undefined : { cause },
  );
}

/** Anywhere in its chain of causes: the system's code, varve's, or what Kafka writes to its log. */
export function isDiskFull(error: unknown): boolean {
  for (const each of chainOf(error)) {
    if (each.code === 'ENOSPC' || each.code === 'EDQUOT' || each.code === 'DISK_FULL') return true;
    if (/ENOSPC|No space left on device|Disk quota exceeded/.test(each.message)) return true;
  }
  return false;
}

const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|EPROTO|HOSTNAME_MISMATCH)/;

function isCertificateProblem(error: unknown): boolean {
  return chainOf(error).some(({ code }) => CERTIFICATE.test(code));
}

interface Link {
  readonly code: string;
  readonly message: string;
}

function chainOf(error: unknown): Link[] {
  const links: Link[] = [];
  for (let at = error; at instanceof Error && links.length < 10; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : '';
    links.push({ code, message: at.message });
  }
  return links;
}
