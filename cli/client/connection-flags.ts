import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { wholeNumber } from '../arguments.js';
import { UsageError } from '../run-program.js';

/** The flags of every command that talks to brokers. */
export interface ConnectionFlags {
  bootstrap: readonly string[];
  timeout: number;
  tls?: true;
  ca?: string;
  sasl?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  user?: string;
}

const PASSWORD_VARIABLE = 'VARVE_PASSWORD';

export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-b, --bootstrap <host:port,...>', 'brokers to ask first, of varve or Kafka')
        .env('VARVE_BOOTSTRAP')
        .argParser(addresses)
        .default(['127.0.0.1:9092'], '127.0.0.1:9092'),
    )
    .option('--timeout <ms>', 'how long to try while brokers do not answer', wholeNumber, 15_000)
    .option('--tls', 'encrypt the connection')
    .option('--ca <file>', 'certificate authority to trust, in PEM; goes with --tls')
    .addOption(
      new Option(
        '--sasl <mechanism>',
        `log in; the password is read from ${PASSWORD_VARIABLE}`,
      ).choices(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    )
    .option('--user <name>', 'who logs in; goes with --sasl');
}

function addresses(text: string): string[] {
  return text.split(',').map((part) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]+)):(\d{1,5})$/i.exec(part.trim());
    const port = Number(match?.[3]);
    if (match === null || port < 1 || port > 65_535) {
      throw new InvalidArgumentError('It is host:port, or several with commas between them.');
    }
    return part.trim();
  });
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** As the client library wants it. */
export interface ClientOptions {
  readonly clientId: string;
  readonly bootstrapBrokers: Address[];
  readonly connectTimeout: number;
  readonly requestTimeout: number;
  readonly tls?: { ca?: Buffer };
  readonly sasl?: {
    mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    username: string;
    password: string;
  };
}

export function clientOptions(flags: ConnectionFlags): ClientOptions {
  const { timeout, tls, ca, sasl, user } = flags;
  if (ca !== undefined && !tls) throw new UsageError('--ca goes with --tls');
  if ((sasl === undefined) !== (user === undefined)) {
    throw new UsageError('--sasl and --user go together');
  }
  const password = process.env[PASSWORD_VARIABLE];
  if (sasl !== undefined && password === undefined) {
    throw new UsageError(
      `--sasl needs a password in the environment variable ${PASSWORD_VARIABLE}`,
    );
  }
  return {
    clientId: 'varve-cli',
    bootstrapBrokers: flags.bootstrap.map((address) => {
      const colon = address.lastIndexOf(':');
      const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
      return { host, port: Number(address.slice(colon + 1)) };
    }),
    connectTimeout: timeout,
    requestTimeout: timeout + REQUEST_MARGIN_MS,
    ...(tls && { tls: ca === undefined ? {} : { ca: certificate(ca) } }),
    ...(sasl !== undefined &&
      user !== undefined &&
      password !== undefined && { sasl: { mechanism: sasl, username: user, password } }),
  };
}

/** Brokers are given `--timeout` for what takes long; their answer takes a moment more. */
const REQUEST_MARGIN_MS = 15_000;

function certificate(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read --ca ${path}: ${(error as Error).message}`);
  }
}
