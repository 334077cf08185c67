import { KafkaError } from '../../protocol/error-codes.js';
import type { Handler } from './answers.js';

/**
 * Any broker gives ids to idempotent producers. A transactional id is refused with INVALID_REQUEST, the code that
 * Kafka has for a coordinator it does not run: clients stop at it at once, where others make them try again.
 */
export const initProducerId: Handler<'InitProducerId'> = (services, { transactionalId }) => {
  if (transactionalId !== null) return failed(KafkaError.INVALID_REQUEST);
  const id = services.producerIds.next();
  if (typeof id === 'number') return given(id);
  return id.then(given, (cause: unknown) => {
    services.onEvent({ kind: 'controller-failed', cause });
    // Kafka's code for it, after which clients ask again.
    return failed(KafkaError.COORDINATOR_LOAD_IN_PROGRESS);
  });
};

function given(producerId: number) {
  return { errorCode: KafkaError.NONE, producerId, producerEpoch: 0 };
}

function failed(errorCode: number) {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
