import { describe, expect, it } from 'vitest';
import { parseTopicConfig } from '../config.js';
import { isVarveError } from '../errors.js';
import {
  describeBrokerConfig,
  formatBrokerConfig,
  parseBrokerConfig,
  topicDefaults,
} from './broker-config.js';

function refusal(input: Record<string, string | number | boolean>): string {
  try {
    parseBrokerConfig(input);
  } catch (error) {
    if (isVarveError(error, 'INVALID_CONFIG')) return error.message;
    throw error;
  }
  throw new Error(`accepted ${JSON.stringify(input)}`);
}

describe('parseBrokerConfig', () => {
  it("gives Kafka's defaults", () => {
    expect(parseBrokerConfig()).toMatchObject({
      brokerRack: null,
      numPartitions: 1,
      defaultReplicationFactor: 1,
      autoCreateTopicsEnable: true,
      messageMaxBytes: 1048588,
      offsetsTopicNumPartitions: 50,
      offsetsTopicReplicationFactor: 3,
      groupInitialRebalanceDelayMs: 3000,
      replicaLagTimeMaxMs: 30000,
      queuedMaxRequestBytes: Number.POSITIVE_INFINITY,
      logRetentionHours: 168,
      logRetentionMs: null,
      brokerSessionTimeoutMs: 9000,
    });
  });

  it('takes dotted names with text and camel case names with values', () => {
    const config = parseBrokerConfig({ 'num.partitions': '12', autoCreateTopicsEnable: false });
    expect(config.numPartitions).toBe(12);
    expect(config.autoCreateTopicsEnable).toBe(false);
  });

  it('takes its own result again', () => {
    const config = parseBrokerConfig({ 'log.retention.ms': -1, 'broker.rack': 'r1' });
    expect(parseBrokerConfig(config)).toEqual(config);
  });

  it.each<[string, Record<string, string | number | boolean>, string[]]>([
    ['below the range', { 'num.partitions': 0 }, ['num.partitions is 0', '1 to 2147483647']],
    ['above the range', { 'default.replication.factor': 40000 }, ['40000', '1 to 32767']],
    ['not a number', { 'fetch.max.bytes': '1 MiB' }, ['fetch.max.bytes is "1 MiB"']],
    ['not a boolean', { 'auto.create.topics.enable': 'yes' }, ['"yes"', 'true, false']],
    ['an unknown name', { 'num.io.threads': 8 }, ['unknown broker setting "num.io.threads"']],
    [
      'a least above its most',
      { 'group.min.session.timeout.ms': 5000, 'group.max.session.timeout.ms': 1000 },
      ['group.min.session.timeout.ms is 5000', 'group.max.session.timeout.ms, 1000'],
    ],
    [
      'heartbeats rarer than the session',
      { 'broker.heartbeat.interval.ms': 10000 },
      ['broker.session.timeout.ms, 9000'],
    ],
    [
      'defaults of topics that contradict each other',
      { 'log.cleaner.min.compaction.lag.ms': 5, 'log.cleaner.max.compaction.lag.ms': 2 },
      ['min.compaction.lag.ms is 5'],
    ],
  ])('refuses %s', (_, input, parts) => {
    const message = refusal(input);
    for (const part of parts) expect(message).toContain(part);
  });
});

describe('topicDefaults', () => {
  it("are the topic settings' own defaults unless the broker sets something", () => {
    expect(parseTopicConfig(topicDefaults(parseBrokerConfig()))).toEqual(parseTopicConfig());
  });

  it('take the first synonym that has a value, in its unit', () => {
    const hours = topicDefaults(parseBrokerConfig({ 'log.retention.hours': 2 }));
    expect(hours['retention.ms']).toBe(7200000);
    const minutes = topicDefaults(
      parseBrokerConfig({ 'log.retention.hours': 2, 'log.retention.minutes': 3 }),
    );
    expect(minutes['retention.ms']).toBe(180000);
    const ms = topicDefaults(
      parseBrokerConfig({ 'log.retention.minutes': 3, 'log.retention.ms': -1 }),
    );
    expect(ms['retention.ms']).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the table', () => {
  it('has each setting once, with a default inside its own range', () => {
    const rows = describeBrokerConfig();
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    for (const { name, default: value } of rows) {
      if (value !== null) expect(() => parseBrokerConfig({ [name]: value })).not.toThrow();
    }
  });

  it("shows Kafka's text", () => {
    const texts = formatBrokerConfig(parseBrokerConfig());
    expect(texts['queued.max.request.bytes']).toBe('-1');
    expect(texts['log.flush.interval.messages']).toBe('9223372036854775807');
    expect(texts['log.retention.ms']).toBeUndefined();
  });
});
