import { createHmac, randomBytes } from 'node:crypto';
import { VarveError } from '../../errors.js';
import {
  isScramMechanism,
  keyBytes,
  MAX_ITERATIONS,
  MIN_ITERATIONS,
  type ScramCredential,
  type ScramMechanism,
} from './scram.js';

/*
 * The file of credentials. One line per user and mechanism; the values as Kafka stores them, so no password
 * is in it. PLAIN is checked against the same lines.
 *
 *   # comment
 *   alice SCRAM-SHA-256 salt=BASE64,stored_key=BASE64,server_key=BASE64,iterations=4096
 *
 * A user's name has no white space; whoever needs some writes it percent-encoded (`%20`, and `%25` for `%`).
 */

const MIN_SALT_BYTES = 8;

/** Who may come in. */
export class Credentials {
  readonly #byUser = new Map<string, ScramCredential>();
  readonly #iterations = new Map<ScramMechanism, number>();
  /** So that a name that does not exist always gets the same salt, as one that does. */
  readonly #secret = randomBytes(32);

  set(user: string, credential: ScramCredential): void {
    this.#byUser.set(keyOf(user, credential.mechanism), credential);
    this.#iterations.set(credential.mechanism, credential.iterations);
  }

  find(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    return this.#byUser.get(keyOf(user, mechanism));
  }

  /**
   * A credential that looks and costs as those of real users do, and that no password fits. With it the exchange
   * with an unknown user goes on to the end, so that nobody can find out which names exist.
   */
  decoy(user: string, mechanism: ScramMechanism): ScramCredential {
    const noise = (purpose: string): Buffer =>
      createHmac('sha512', this.#secret).update(`${purpose} ${mechanism} ${user}`).digest();
    return {
      mechanism,
      salt: noise('salt').subarray(0, 24),
      iterations: this.#iterations.get(mechanism) ?? MIN_ITERATIONS,
      storedKey: noise('stored').subarray(0, keyBytes(mechanism)),
      serverKey: noise('server').subarray(0, keyBytes(mechanism)),
    };
  }
}

function keyOf(user: string, mechanism: ScramMechanism): string {
  return `${mechanism} ${user}`;
}

/** @throws VarveError INVALID_CONFIG with the number of the line. Lines never appear in messages. */
export function parseCredentials(text: string): Credentials {
  const credentials = new Credentials();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [name = '', mechanism = '', values = '', ...rest] = line.trim().split(/\s+/);
    if (!isScramMechanism(mechanism) || rest.length > 0)
      throw badLine(index, 'is not USER MECHANISM VALUES');
    const user = decodeName(name);
    if (user === undefined) throw badLine(index, 'has a name with a wrong % sequence');
    if (credentials.find(user, mechanism) !== undefined) throw badLine(index, 'names a user twice');
    const fields = new Map(
      values.split(',').map((field): [string, string] => {
        const at = field.indexOf('=');
        return [field.slice(0, at), field.slice(at + 1)];
      }),
    );
    const salt = Buffer.from(fields.get('salt') ?? '', 'base64');
    const storedKey = Buffer.from(fields.get('stored_key') ?? '', 'base64');
    const serverKey = Buffer.from(fields.get('server_key') ?? '', 'base64');
    const iterations = Number(fields.get('iterations'));
    if (
      salt.length < MIN_SALT_BYTES ||
      storedKey.length !== keyBytes(mechanism) ||
      serverKey.length !== keyBytes(mechanism)
    ) {
      throw badLine(index, 'has a salt or keys of the wrong length');
    }
    if (
      !Number.isInteger(iterations) ||
      iterations < MIN_ITERATIONS ||
      iterations > MAX_ITERATIONS
    ) {
      throw badLine(index, `has iterations outside ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
    }
    credentials.set(user, { mechanism, salt, iterations, storedKey, serverKey });
  }
  return credentials;
}

/** A line of the file. */
export function formatCredential(user: string, credential: ScramCredential): string {
  const { mechanism, salt, storedKey, serverKey, iterations } = credential;
  const name = user.replace(/[\s%#]/g, (c) => encodeURIComponent(c));
  return (
    `${name} ${mechanism} salt=${salt.toString('base64')},stored_key=${storedKey.toString('base64')},` +
    `server_key=${serverKey.toString('base64')},iterations=${iterations}`
  );
}

function decodeName(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function badLine(index: number, what: string): VarveError {
  return new VarveError('INVALID_CONFIG', `line ${index + 1} of the credentials ${what}`);
}
