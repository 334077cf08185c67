import { expect, test } from 'vitest';
import { parseGroupConfig } from './config.js';
import { groupPartition, javaStringHash } from './java-string-hash.js';

test("Kafka's defaults", () => {
  expect(parseGroupConfig()).toEqual({
    groupMinSessionTimeoutMs: 6000,
    groupMaxSessionTimeoutMs: 1_800_000,
    groupInitialRebalanceDelayMs: 3000,
    groupMaxSize: 2_147_483_647,
    offsetMetadataMaxBytes: 4096,
    offsetsRetentionMinutes: 10_080,
    offsetsRetentionCheckIntervalMs: 600_000,
    offsetsCommitTimeoutMs: 5000,
    offsetsLoadBufferSize: 5_242_880,
    offsetsTopicNumPartitions: 50,
    offsetsTopicReplicationFactor: 3,
    offsetsTopicSegmentBytes: 104_857_600,
  });
});

test("Kafka's names with text, and camel case names", () => {
  const config = parseGroupConfig({ 'group.max.size': '7', offsetsRetentionMinutes: 5 });
  expect([config.groupMaxSize, config.offsetsRetentionMinutes]).toEqual([7, 5]);
});

test.each([
  [{ 'group.max.size': 0 }, 'group.max.size 0 must be an integer from 1 to 2147483647'],
  [{ 'group.max.size': '1e3' }, 'group.max.size "1e3" must be an integer'],
  [{ offsetsRetentionMinutes: 1.5 }, 'offsets.retention.minutes 1.5 must be an integer'],
  [{ 'group.max.sise': 3 }, 'unknown group setting "group.max.sise"'],
  [{ 'group.max.size': 3, groupMaxSize: 4 }, 'group.max.size is given twice'],
  [{ groupMinSessionTimeoutMs: 2_000_000 }, 'is above group.max.session.timeout.ms 1800000'],
])('refused: %j', (input, message) => {
  expect(() => parseGroupConfig(input as Record<string, number>)).toThrow(message);
});

test.each([
  ['g1', 42],
  ['test-group', 12],
  ['my-group', 12],
  ['console-consumer-12345', 6],
  ['', 0],
])("group %j is in Kafka's partition %i of 50", (group, partition) => {
  expect(groupPartition(group, 50)).toBe(partition);
});

test('the hash that has no positive counterpart counts as 0', () => {
  const group = 'polygenelubricants';
  expect(javaStringHash(group)).toBe(-2_147_483_648);
  expect(groupPartition(group, 50)).toBe(0);
});
