import { RemoteError } from './client-error.js';
import type { KafkaClient } from './kafka-client.js';

/** Gathers what failed of a request for several things, of which the others were done. */
export class FailedItems {
  readonly #client: KafkaClient;
  readonly #messages: string[] = [];
  #code = '';

  constructor(client: KafkaClient) {
    this.#client = client;
  }

  add(name: string, errorCode: number, errorMessage: string | null = null): void {
    const { id, text } = kafkaError(this.#client, errorCode);
    this.#messages.push(`${name}: ${errorMessage || text}`);
    this.#code ||= id;
  }

  throwIfAny(): void {
    if (this.#messages.length > 0) throw new RemoteError(this.#code, this.#messages.join('; '));
  }
}

/** Kafka's name of an error code, and its sentence. */
export function kafkaError(client: KafkaClient, code: number): { id: string; text: string } {
  const { protocolErrorsCodesById, protocolErrors } = client.library;
  const id = protocolErrorsCodesById[code] ?? `ERROR_${code}`;
  return { id, text: protocolErrors[id]?.message ?? `the broker answered with error ${code}` };
}
