import { KafkaError } from '../../protocol/error-codes.js';
import { encodeResponse } from '../../protocol/frames.js';
import type { SaslHandshakeResponseInput } from '../../protocol/messages/index.js';
import type { Credentials } from './credentials.js';
import {
  isPasswordOf,
  isScramMechanism,
  parseClientFirst,
  SCRAM_MECHANISMS,
  type ScramMechanism,
  ScramServerExchange,
} from './scram.js';

export const SASL_MECHANISMS = ['PLAIN', ...SCRAM_MECHANISMS] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface SaslOptions {
  /** Those offered. PLAIN shows the password to whoever listens: use it with TLS. */
  readonly mechanisms: readonly SaslMechanism[];
  readonly credentials: Credentials;
}

export type SaslOutcome =
  | { readonly kind: 'continue' }
  | {
      readonly kind: 'authenticated';
      readonly principal: string;
      readonly mechanism: SaslMechanism;
    }
  | { readonly kind: 'failed'; readonly message: string };

/** What to send (nothing: no chunks), and where that leaves us. */
export interface SaslStep {
  readonly chunks: readonly Buffer[];
  readonly outcome: SaslOutcome;
}

type TokenResult =
  | { readonly kind: 'continue'; readonly token: string }
  | { readonly kind: 'authenticated'; readonly user: string; readonly token: string }
  | { readonly kind: 'failed'; readonly message: string };

/** One password at a time: hashing must not take the threads that sync files. */
let hashing: Promise<unknown> = Promise.resolve();

/** The authentication of one connection. [Kafka: SaslServerAuthenticator] */
export class SaslSession {
  readonly #options: SaslOptions;
  #mechanism: SaslMechanism | null = null;
  #isRaw = false;
  #isDone = false;
  #scram: {
    readonly exchange: ScramServerExchange;
    readonly user: string;
    readonly isKnown: boolean;
  } | null = null;

  constructor(options: SaslOptions) {
    this.#options = options;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** After SaslHandshake version 0: frames are tokens, not requests. */
  get expectsRawToken(): boolean {
    return this.#isRaw && !this.#isDone;
  }

  handshake(mechanism: string, version: number): SaslHandshakeResponseInput {
    const { mechanisms } = this.#options;
    if (this.#mechanism !== null || this.#isDone) {
      return { errorCode: KafkaError.ILLEGAL_SASL_STATE, mechanisms };
    }
    const offered = mechanisms.find((name) => name === mechanism);
    if (offered === undefined) {
      return { errorCode: KafkaError.UNSUPPORTED_SASL_MECHANISM, mechanisms };
    }
    this.#mechanism = offered;
    this.#isRaw = version === 0;
    return { errorCode: KafkaError.NONE, mechanisms };
  }

  /** A token in a SaslAuthenticate request. Never rejects. */
  async authenticate(token: Buffer, version: number, correlationId: number): Promise<SaslStep> {
    const result = await this.#take(token);
    const errorCode =
      result.kind !== 'failed'
        ? KafkaError.NONE
        : this.#mechanism === null
          ? KafkaError.ILLEGAL_SASL_STATE
          : KafkaError.SASL_AUTHENTICATION_FAILED;
    const chunks = encodeResponse('SaslAuthenticate', version, correlationId, {
      errorCode,
      errorMessage: result.kind === 'failed' ? result.message : null,
      authBytes: Buffer.from(result.kind === 'failed' ? '' : result.token),
    });
    return { chunks, outcome: this.#outcome(result) };
  }

  /** A token as a frame of its own. A failure has no answer there. Never rejects. */
  async rawToken(token: Buffer): Promise<SaslStep> {
    const result = await this.#take(token);
    if (result.kind === 'failed') return { chunks: [], outcome: this.#outcome(result) };
    const answer = Buffer.from(`\0\0\0\0${result.token}`);
    answer.writeInt32BE(answer.length - 4, 0);
    return { chunks: [answer], outcome: this.#outcome(result) };
  }

  #outcome(result: TokenResult): SaslOutcome {
    if (result.kind !== 'authenticated') return result;
    this.#isDone = true;
    return {
      kind: 'authenticated',
      principal: `User:${result.user}`,
      mechanism: this.#mechanism!,
    };
  }

  async #take(token: Buffer): Promise<TokenResult> {
    const mechanism = this.#mechanism;
    try {
      if (mechanism === null) return failed('SaslAuthenticate before SaslHandshake');
      if (mechanism === 'PLAIN') return await this.#plain(token);
      if (isScramMechanism(mechanism)) {
        return this.#scram === null
          ? this.#scramFirst(token, mechanism)
          : this.#scramFinal(token, mechanism);
      }
    } catch {
      // Nothing above throws on bad input; whatever it is, nobody gets in by it.
    }
    return failed('Authentication failed');
  }

  /** authorization id NUL user NUL password. [RFC 4616; messages as Kafka's PlainSaslServer] */
  async #plain(token: Buffer): Promise<TokenResult> {
    const parts = token.toString('utf8').split('\0');
    if (parts.length !== 3) {
      return failed(`Invalid SASL/PLAIN response: expected 3 tokens, got ${parts.length}`);
    }
    const [authorizationId, user, password] = parts as [string, string, string];
    if (user === '') return failed('Authentication failed: username not specified');
    if (password === '') return failed('Authentication failed: password not specified');
    if (authorizationId !== '' && authorizationId !== user) return failed(OTHER_AUTHORIZATION_ID);
    const { credentials } = this.#options;
    const known =
      credentials.find(user, 'SCRAM-SHA-256') ?? credentials.find(user, 'SCRAM-SHA-512');
    const check = hashing.then(() =>
      isPasswordOf(known ?? credentials.decoy(user, 'SCRAM-SHA-256'), password),
    );
    hashing = check.catch(() => undefined);
    const isRight = await check;
    return isRight && known !== undefined
      ? { kind: 'authenticated', user, token: '' }
      : failed('Authentication failed: Invalid username or password');
  }

  #scramFirst(token: Buffer, mechanism: ScramMechanism): TokenResult {
    const client = parseClientFirst(token);
    if (client === undefined) return failed(invalidCredentials(mechanism));
    const { authorizationId, username: user } = client;
    if (authorizationId !== '' && authorizationId !== user) return failed(OTHER_AUTHORIZATION_ID);
    const { credentials } = this.#options;
    const credential = credentials.find(user, mechanism);
    const exchange = new ScramServerExchange(
      client,
      credential ?? credentials.decoy(user, mechanism),
    );
    this.#scram = { exchange, user, isKnown: credential !== undefined };
    return { kind: 'continue', token: exchange.serverFirst };
  }

  #scramFinal(token: Buffer, mechanism: ScramMechanism): TokenResult {
    const { exchange, user, isKnown } = this.#scram!;
    const serverFinal = exchange.final(token);
    return serverFinal !== undefined && isKnown
      ? { kind: 'authenticated', user, token: serverFinal }
      : failed(invalidCredentials(mechanism));
  }
}

const OTHER_AUTHORIZATION_ID =
  'Authentication failed: Client requested an authorization id that is different from username';

/** The same whether the name is unknown, the password wrong or the message none. */
function invalidCredentials(mechanism: ScramMechanism): string {
  return `Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`;
}

function failed(message: string): TokenResult {
  return { kind: 'failed', message };
}
