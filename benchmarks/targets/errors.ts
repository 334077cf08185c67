import { isVarveError } from '../../engine/index.js';
import { chainOf, diskFull, isDiskFull } from '../model/disk-full.js';
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

const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|EPROTO|HOSTNAME_MISMATCH)/;

function isCertificateProblem(error: unknown): boolean {
  return chainOf(error).some(({ code }) => CERTIFICATE.test(code));
}
