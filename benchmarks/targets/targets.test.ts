import { describe, expect, it } from 'vitest';
import { diskFull, isDiskFull } from '../model/disk-full.js';
import { type Cell, cellOf } from '../model/knobs.js';
import { findTarget } from './index.js';
import { topicSettings } from './topic-settings.js';

const GIB = 1024 ** 3;
const KAFKA = 'kafka://127.0.0.1:9092';

describe('findTarget', () => {
  it.each(['clutser', '', 'toString', 'kafka', 'simulated'])(
    'refuses %j, with the list',
    (name) => {
      expect(() => findTarget(name)).toThrow(
        expect.objectContaining({
          code: 'INVALID_KNOB',
          message: expect.stringMatching(
            /engine, cluster, local-kafka, cluster@directory, kafka:\/\/host:port/,
          ),
        }),
      );
    },
  );

  it.each([
    'kafka://',
    'kafka://a',
    'kafka://a:0',
    'kafka://a:99999',
    'kafka://a:1,',
    'kafka://a/b:1',
  ])('refuses the address in %j', (name) => {
    expect(() => findTarget(name)).toThrow(/is not host:port/);
  });

  it.each([KAFKA, 'kafka://a:1,b.example:65535', 'kafka://[::1]:9092'])('takes %j', (name) => {
    expect(findTarget(name).name).toBe(name);
  });

  it('refuses TLS and SASL for what the suite starts itself', () => {
    const sasl = { mechanism: 'PLAIN', username: 'a', password: 'b' } as const;
    expect(() => findTarget('cluster', { sasl })).toThrow(/loopback/);
  });
});

describe('refusal', () => {
  const table: [string, string, Partial<Cell>, RegExp | null][] = [
    ['cluster', 'defaults', {}, null],
    ['cluster', 'three replicas', { replicationFactor: 3 }, null],
    [
      'cluster',
      'more replicas than brokers',
      { replicationFactor: 4 },
      /is 4, brokers is 3: .*4 brokers/,
    ],
    ['local-kafka', 'one broker', { brokers: 1, replicationFactor: 2 }, /is 2, brokers is 1/],
    [
      'cluster',
      'min ISR',
      { minInsyncReplicas: 2 },
      /minInsyncReplicas is 2, replicationFactor is 1/,
    ],
    ['cluster', 'min ISR that nobody asks', { minInsyncReplicas: 2, acks: 1 }, null],
    [
      'cluster',
      'a request too large',
      { recordBytes: 10, batchBytes: 64 * 1024 ** 2 },
      /104857600 at most/,
    ],
    ['cluster', 'failover unseen', { experiment: 'failover', acks: 0 }, /acks is 0/],
    ['cluster', 'nobody to take over', { experiment: 'rebalance' }, /consumers is 1/],
    [
      'cluster',
      'idle members',
      { experiment: 'rebalance', consumers: 2 },
      /partitions is 1, consumers is 2/,
    ],
    ['cluster', 'a group', { experiment: 'rebalance', consumers: 2, partitions: 2 }, null],
    ['engine', 'recovery', { experiment: 'recovery' }, null],
    ['engine', 'failover', { experiment: 'failover' }, /experiment is failover, target is engine/],
    [KAFKA, 'nine replicas of a cluster of unknown size', { replicationFactor: 9 }, null],
    [KAFKA, 'crash', { experiment: 'crash' }, /does not kill brokers that it has not started/],
  ];
  it.each(table)('%s: %s', (name, _what, knobs, expected) => {
    const refusal = findTarget(name).refusal(cellOf(knobs));
    if (expected === null) expect(refusal).toBeNull();
    else expect(refusal).toMatch(expected);
  });
});

describe('normal', () => {
  it('leaves out what means nothing on the engine', () => {
    const { normal } = findTarget('engine');
    const one = normal(cellOf({ acks: 0, replicationFactor: 3, brokers: 1, flush: 'batch' }));
    expect(one).toEqual(normal(cellOf({ acks: 'all', inFlight: 1, flush: 'batch' })));
    expect(one.flush).toBe('batch');
  });

  it('leaves out what nothing uses in a cell', () => {
    const { normal } = findTarget('cluster');
    const closed = normal(cellOf({ rate: 'max', lingerMs: 100, arrivals: 'poisson' }));
    expect(closed).toEqual(cellOf({}));
    const open = cellOf({ rate: 1_000, lingerMs: 100, arrivals: 'poisson' });
    expect(normal(open)).toEqual(open);
    expect(normal(cellOf({ acks: 1, minInsyncReplicas: 2 })).minInsyncReplicas).toBe(1);
    expect(findTarget(KAFKA).normal(cellOf({ brokers: 5 })).brokers).toBe(3);
  });
});

describe('topicSettings', () => {
  const settings = (knobs: Partial<Cell>, freeBytes: number | null = null) =>
    topicSettings(cellOf(knobs), freeBytes);

  it('says nothing where Kafka does by default what is asked', () => {
    expect(settings({})).toEqual({});
  });

  it.each([
    [{ flush: 'batch' }, { 'flush.messages': '1' }],
    [{ flush: '250ms' }, { 'flush.ms': '250' }],
    [{ replicationFactor: 3, minInsyncReplicas: 2 }, { 'min.insync.replicas': '2' }],
  ] as const)('%j', (knobs, expected) => {
    expect(settings(knobs)).toEqual(expected);
  });

  it('takes larger batches than by default', () => {
    const bytes = Number(settings({ batchBytes: 2 * 1024 ** 2 })['max.message.bytes']);
    expect(bytes).toBeGreaterThan(2 * 1024 ** 2);
  });

  it('keeps all replicas together within half of what is free', () => {
    const cell = { partitions: 4, replicationFactor: 3 };
    const small = settings(cell, 10 * GIB);
    const perReplica = Number(small['retention.bytes']) + 2 * Number(small['segment.bytes']);
    expect(12 * perReplica).toBeLessThanOrEqual(5 * GIB);
    const large = settings(cell, 1000 * GIB);
    expect(large['segment.bytes']).toBeUndefined();
    expect(Number(large['retention.bytes'])).toBeGreaterThan(30 * GIB);
  });

  it('refuses a disk that is too full, with what is needed', () => {
    expect(() => settings({}, 1024 ** 2)).toThrow(
      expect.objectContaining({
        code: 'DISK_FULL',
        message: expect.stringMatching(/1 MiB are free.*256 MiB/),
      }),
    );
    expect(() => settings({ partitions: 10_000, replicationFactor: 3 }, 10 * GIB)).toThrow(
      expect.objectContaining({ code: 'DISK_FULL' }),
    );
  });
});

describe('a full disk', () => {
  it.each([
    ['the system', Object.assign(new Error('write'), { code: 'ENOSPC' })],
    ['a cause', new Error('failed', { cause: Object.assign(new Error('x'), { code: 'EDQUOT' }) })],
    ['Kafka', new Error('java.io.IOException: No space left on device')],
    ['the suite', diskFull('nothing is free')],
  ])('is recognised as %s says it', (_who, error) => {
    expect(isDiskFull(error)).toBe(true);
  });

  it('is nothing else', () => {
    expect(isDiskFull(new Error('connection refused'))).toBe(false);
  });
});
