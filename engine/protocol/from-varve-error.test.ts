import { expect, it } from 'vitest';
import { type ErrorCode, VarveError } from '../errors.js';
import { KafkaError } from './error-codes.js';
import { kafkaErrorOf } from './from-varve-error.js';

it.each<[ErrorCode, keyof typeof KafkaError]>([
  ['MESSAGE_TOO_LARGE', 'MESSAGE_TOO_LARGE'],
  ['CORRUPT_MESSAGE', 'CORRUPT_MESSAGE'],
  ['INVALID_TOPIC', 'INVALID_TOPIC_EXCEPTION'],
  ['INVALID_REQUEST', 'INVALID_REQUEST'],
  ['UNSUPPORTED_VERSION', 'UNSUPPORTED_VERSION'],
  ['OFFSET_OUT_OF_RANGE', 'OFFSET_OUT_OF_RANGE'],
  ['LOG_POISONED', 'KAFKA_STORAGE_ERROR'],
  ['DISK_FULL', 'KAFKA_STORAGE_ERROR'],
  ['CLOSED', 'KAFKA_STORAGE_ERROR'],
  ['LOG_BUSY', 'NOT_LEADER_OR_FOLLOWER'],
  ['INVALID_ARGUMENT', 'UNKNOWN_SERVER_ERROR'],
])('%s is answered with %s', (code, name) => {
  expect(kafkaErrorOf(new VarveError(code, 'x'))).toBe(KafkaError[name]);
});

it('anything else is answered with UNKNOWN_SERVER_ERROR', () => {
  expect(kafkaErrorOf(new TypeError('x'))).toBe(-1);
  expect(kafkaErrorOf(undefined)).toBe(-1);
});
