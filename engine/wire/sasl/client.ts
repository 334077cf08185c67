import { VarveError } from '../../errors.js';
import { KafkaError, kafkaErrorName } from '../../protocol/error-codes.js';
import type { ClientConnection } from '../client-connection.js';
import { ScramClientExchange } from './scram.js';
import type { SaslMechanism } from './session.js';

export interface ClientSaslOptions {
  readonly mechanism: SaslMechanism;
  readonly username: string;
  readonly password: string;
}

/** @throws VarveError SASL_AUTHENTICATION_FAILED, or what requests throw. */
export async function authenticate(
  connection: ClientConnection,
  options: ClientSaslOptions,
  step: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { mechanism, username, password } = options;
  const { errorCode, mechanisms } = await connection.request(
    'SaslHandshake',
    1,
    { mechanism },
    step,
  );
  if (errorCode !== KafkaError.NONE) {
    throw new VarveError(
      'SASL_AUTHENTICATION_FAILED',
      `SASL ${mechanism}: ${kafkaErrorName(errorCode)}; the broker offers ${mechanisms.join(', ') || 'nothing'}`,
    );
  }
  const exchange = async (token: string): Promise<string> => {
    const answer = await connection.request(
      'SaslAuthenticate',
      1,
      { authBytes: Buffer.from(token) },
      step,
    );
    if (answer.errorCode !== KafkaError.NONE) {
      throw new VarveError(
        'SASL_AUTHENTICATION_FAILED',
        answer.errorMessage ?? kafkaErrorName(answer.errorCode),
      );
    }
    return answer.authBytes.toString();
  };
  if (mechanism === 'PLAIN') {
    await exchange(`\0${username}\0${password}`);
    return;
  }
  const scram = new ScramClientExchange(mechanism, username, password);
  const serverFirst = await exchange(scram.clientFirst);
  scram.verify(await exchange(await scram.final(serverFirst)));
}
