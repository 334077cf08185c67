import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { VarveError } from '../../errors.js';

/*
 * SCRAM without channel binding [RFC 5802, RFC 7677]. As in Kafka, names and passwords are taken as their UTF-8
 * bytes, without SASLprep.
 *
 *   client first   n,,n=user,r=clientNonce
 *   server first   r=clientNonce+serverNonce,s=salt,i=iterations
 *   client final   c=biws,r=nonce,p=proof
 *   server final   v=signature
 */

export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type ScramMechanism = (typeof SCRAM_MECHANISMS)[number];

/** What the server keeps of a password: enough to check a proof, not to make one. */
export interface ScramCredential {
  readonly mechanism: ScramMechanism;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export const MIN_ITERATIONS = 4096;
export const MAX_ITERATIONS = 16_384;
const NONCE_BYTES = 24;
const SALT_BYTES = 24;

const deriveKey = promisify(pbkdf2);

function hashOf(mechanism: ScramMechanism): 'sha256' | 'sha512' {
  return mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
}

export function keyBytes(mechanism: ScramMechanism): number {
  return mechanism === 'SCRAM-SHA-256' ? 32 : 64;
}

export function isScramMechanism(text: string): text is ScramMechanism {
  return (SCRAM_MECHANISMS as readonly string[]).includes(text);
}

function hmac(mechanism: ScramMechanism, key: Buffer, data: string): Buffer {
  return createHmac(hashOf(mechanism), key).update(data).digest();
}

function hash(mechanism: ScramMechanism, data: Buffer): Buffer {
  return createHash(hashOf(mechanism)).update(data).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ b[i]!));
}

function saltedPassword(
  mechanism: ScramMechanism,
  password: string,
  salt: Buffer,
  iterations: number,
): Promise<Buffer> {
  return deriveKey(password, salt, iterations, keyBytes(mechanism), hashOf(mechanism));
}

/** Kafka's default number of iterations; a fresh random salt unless one is given. */
export async function scramCredential(
  mechanism: ScramMechanism,
  password: string,
  options: { readonly iterations?: number; readonly salt?: Buffer } = {},
): Promise<ScramCredential> {
  const { iterations = MIN_ITERATIONS, salt = randomBytes(SALT_BYTES) } = options;
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new VarveError(
      'INVALID_ARGUMENT',
      `${iterations} iterations: ${MIN_ITERATIONS} to ${MAX_ITERATIONS} are allowed`,
    );
  }
  const salted = await saltedPassword(mechanism, password, salt, iterations);
  return {
    mechanism,
    salt,
    iterations,
    storedKey: hash(mechanism, hmac(mechanism, salted, 'Client Key')),
    serverKey: hmac(mechanism, salted, 'Server Key'),
  };
}

/** Whether this is the password behind the credential (for PLAIN). Takes the same time either way. */
export async function isPasswordOf(
  credential: ScramCredential,
  password: string,
): Promise<boolean> {
  const { mechanism, salt, iterations, storedKey } = credential;
  const { storedKey: given } = await scramCredential(mechanism, password, { salt, iterations });
  return timingSafeEqual(given, storedKey);
}

export interface ClientFirst {
  readonly gs2Header: string;
  readonly authorizationId: string;
  readonly username: string;
  readonly nonce: string;
  /** Part of what both sides sign. */
  readonly bare: string;
}

/** Undefined for what is not one. */
export function parseClientFirst(bytes: Buffer): ClientFirst | undefined {
  const match = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(
    bytes.toString('utf8'),
  );
  if (match === null) return undefined;
  const username = unescapeName(match[4]!);
  const authorizationId = unescapeName(match[2] ?? '');
  if (username === undefined || authorizationId === undefined) return undefined;
  return {
    gs2Header: match[1]!,
    authorizationId,
    username,
    nonce: match[5]!,
    bare: match[3]!,
  };
}

/** `=2C` and `=3D` stand for comma and equals sign; no other `=` is allowed. */
function unescapeName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined;
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function escapeName(text: string): string {
  return text.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

/** The server's side of one exchange. */
export class ScramServerExchange {
  readonly serverFirst: string;
  readonly #client: ClientFirst;
  readonly #credential: ScramCredential;
  readonly #nonce: string;

  constructor(
    client: ClientFirst,
    credential: ScramCredential,
    serverNonce: string = randomBytes(NONCE_BYTES).toString('base64url'),
  ) {
    this.#client = client;
    this.#credential = credential;
    this.#nonce = client.nonce + serverNonce;
    this.serverFirst = `r=${this.#nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`;
  }

  /** The last message to the client; undefined: not authenticated. */
  final(clientFinal: Buffer): string | undefined {
    const { mechanism, storedKey, serverKey } = this.#credential;
    const match = /^(c=([A-Za-z0-9+/=]*),r=([^,]*)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/s.exec(
      clientFinal.toString('utf8'),
    );
    if (match === null || match[3] !== this.#nonce) return undefined;
    const [, withoutProof, binding, , proofText] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
    ];
    if (binding !== Buffer.from(this.#client.gs2Header).toString('base64')) return undefined;
    const proof = Buffer.from(proofText, 'base64');
    if (proof.length !== storedKey.length) return undefined;
    const signed = `${this.#client.bare},${this.serverFirst},${withoutProof}`;
    const clientKey = xor(proof, hmac(mechanism, storedKey, signed));
    if (!timingSafeEqual(hash(mechanism, clientKey), storedKey)) return undefined;
    return `v=${hmac(mechanism, serverKey, signed).toString('base64')}`;
  }
}

/** The client's side of one exchange. Checks the server too. */
export class ScramClientExchange {
  readonly clientFirst: string;
  readonly #mechanism: ScramMechanism;
  readonly #password: string;
  readonly #nonce: string;
  readonly #bare: string;
  #serverSignature: Buffer | undefined;

  constructor(
    mechanism: ScramMechanism,
    username: string,
    password: string,
    nonce: string = randomBytes(NONCE_BYTES).toString('base64url'),
  ) {
    this.#mechanism = mechanism;
    this.#password = password;
    this.#nonce = nonce;
    this.#bare = `n=${escapeName(username)},r=${nonce}`;
    this.clientFirst = `n,,${this.#bare}`;
  }

  /** @throws VarveError SASL_AUTHENTICATION_FAILED if the server does not play by the rules. */
  async final(serverFirst: string): Promise<string> {
    const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,.*)?$/s.exec(serverFirst);
    const iterations = Number(match?.[3]);
    // A rogue server could ask for hours of hashing, or for so little that the password can be guessed.
    if (
      match === null ||
      !match[1]!.startsWith(this.#nonce) ||
      match[1] === this.#nonce ||
      iterations < MIN_ITERATIONS ||
      iterations > 1_000_000
    ) {
      throw new VarveError(
        'SASL_AUTHENTICATION_FAILED',
        'the server sent no valid SCRAM challenge',
      );
    }
    const salt = Buffer.from(match[2]!, 'base64');
    const salted = await saltedPassword(this.#mechanism, this.#password, salt, iterations);
    const clientKey = hmac(this.#mechanism, salted, 'Client Key');
    const withoutProof = `c=biws,r=${match[1]}`;
    const signed = `${this.#bare},${serverFirst},${withoutProof}`;
    const signature = hmac(this.#mechanism, hash(this.#mechanism, clientKey), signed);
    const serverKey = hmac(this.#mechanism, salted, 'Server Key');
    this.#serverSignature = hmac(this.#mechanism, serverKey, signed);
    return `${withoutProof},p=${xor(clientKey, signature).toString('base64')}`;
  }

  /** @throws VarveError SASL_AUTHENTICATION_FAILED unless the server knows the password too. */
  verify(serverFinal: string): void {
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(serverFinal)?.[1] ?? '', 'base64');
    const expected = this.#serverSignature;
    if (
      expected === undefined ||
      given.length !== expected.length ||
      !timingSafeEqual(given, expected)
    ) {
      throw new VarveError(
        'SASL_AUTHENTICATION_FAILED',
        'the server could not prove that it knows the password',
      );
    }
  }
}
