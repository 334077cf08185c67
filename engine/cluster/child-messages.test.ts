import { describe, expect, it } from 'vitest';
import { VarveError } from '../errors.js';
import { plainEvent, readFromChild, readToChild } from './child-messages.js';

const START = {
  type: 'start-broker',
  brokerId: 1,
  clusterId: 'x',
  directory: '/d',
  host: '127.0.0.1',
  port: 0,
  mayChoosePort: true,
  advertised: { host: 'relay', port: 9092 },
  rack: null,
  config: { 'num.partitions': 3, 'log.preallocate': true },
};

describe('messages between supervisor and brokers', () => {
  it('are read as they were sent', () => {
    expect(readToChild(START)).toEqual(START);
    expect(readFromChild({ type: 'broker-ready', port: 7 })).toEqual({
      type: 'broker-ready',
      port: 7,
    });
  });

  it('for somebody else are passed over', () => {
    for (const message of [null, 1, 'x', [], {}, { type: 'controller-request' }]) {
      expect(readToChild(message)).toBeNull();
      expect(readFromChild(message)).toBeNull();
    }
  });

  it('that are broken are refused, with the place', () => {
    expect(() => readToChild({ ...START, port: '9092' })).toThrow('start-broker.port');
    expect(() => readToChild({ ...START, config: { a: {} } })).toThrow('start-broker.config.a');
    expect(() => readToChild({ type: 'stop-broker' })).toThrow('stop-broker.isControlled');
    expect(() => readFromChild({ type: 'broker-ready' })).toThrow('broker-ready.port');
    expect(() => readFromChild({ type: 'broker-event', event: {} })).toThrow('event.kind');
  });

  it('an error in an event is told by its code and message', () => {
    const cause = new VarveError('DISK_FULL', 'no space');
    expect(plainEvent({ kind: 'offline', cause, at: 1 })).toEqual({
      kind: 'offline',
      cause: 'DISK_FULL: no space',
      at: 1,
    });
  });
});
