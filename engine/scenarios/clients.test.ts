import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Broker } from '../cluster/local-broker.js';

/*
 * Real clients in processes of their own against a broker in this one. The same programs run against a real
 * Kafka, and others besides (kcat, the Java client, confluent-kafka-python), in `npm run conformance`.
 */
const run = promisify(execFile);

/** What a rebalance makes every client say, whoever the broker is. */
const REBALANCE = /rebalanc|coordinator is (loading|not available)/i;

describe('clients', () => {
  it.each([
    ['KafkaJS', 'kafkajs', 9],
    ['@platformatic/kafka', 'platformatic', 8],
  ])(
    '%s: topics, produce, groups with rebalances, commits, deletes',
    { timeout: 120_000 },
    async (_, program, steps) => {
      const problems: unknown[] = [];
      const broker = await Broker.start({
        config: { 'group.initial.rebalance.delay.ms': 0, 'offsets.topic.num.partitions': 5 },
        onEvent: (event) => {
          const kind = 'kind' in event.event ? event.event.kind : '';
          if (/failed|offline|poisoned/.test(kind)) problems.push(event);
        },
      });
      try {
        const path = fileURLToPath(
          new URL(`../../conformance/clients/${program}.mjs`, import.meta.url),
        );
        const { stdout } = await run(process.execPath, [path, broker.address], { timeout: 90_000 });
        const result = JSON.parse(stdout) as {
          steps: string[];
          log: string[];
          error: string | null;
        };
        expect(result.error).toBeNull();
        expect(result.steps).toHaveLength(steps);
        expect(result.log.filter((line) => !REBALANCE.test(line))).toEqual([]);
        expect(problems).toEqual([]);
      } finally {
        await broker.close();
      }
    },
  );
});
