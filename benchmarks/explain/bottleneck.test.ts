import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cell, cellOf } from '../model/knobs.js';
import type { Bottleneck, CalibrationInfo } from '../model/result.js';
import { attributeCell, CASES, type DecidingFacts, matches } from './bottleneck.js';
import { MADE_UP_CALIBRATION, MADE_UP_LIMIT, type MadeUpRun, madeUpRun } from './made-up.js';

describe('the decision table', () => {
  test('every combination of facts matches exactly one case', () => {
    const found = new Set<string>();
    let combinations = 0;
    for (const facts of allFacts()) {
      const matching = CASES.filter((one) => matches(one, facts));
      expect(matching.map(({ letter }) => letter)).toHaveLength(1);
      found.add(matching[0]?.letter ?? '');
      combinations += 1;
    }
    expect(combinations).toBe(2 ** 9 * 4);
    expect([...found].sort()).toEqual(CASES.map(({ letter }) => letter));
  });

  test('letters are in order and stand for one case each', () => {
    const letters = CASES.map(({ letter }) => letter);
    expect(letters).toEqual([...new Set(letters)].sort());
  });
});

const cluster: Partial<Cell> = { target: 'cluster', partitions: 4, replicationFactor: 3 };
/** 5 requests of 16 KiB in 1 ms each: 81.9 MB/s. */
const waiting: MadeUpRun = { bytesPerSecond: 81.92e6, meanInFlight: 5, serviceMs: 1 };

describe('what limits a cell', () => {
  const cases: readonly [
    name: string,
    knobs: Partial<Cell>,
    figures: MadeUpRun,
    verdict: Bottleneck,
    says: readonly string[],
  ][] = [
    ['nothing came', cluster, { bytesPerSecond: 0 }, 'unknown', ['Nothing was acknowledged']],
    [
      'an open loop that got what it asked for',
      { ...cluster, rate: 10e6 },
      { bytesPerSecond: 10e6, achievedShare: 1, busyCores: 8 },
      'none',
      ['10 MB/s'],
    ],
    [
      'an open loop on a full machine',
      { ...cluster, rate: 100e6 },
      { achievedShare: 0.7, busyCores: 7.9, producerCores: 0.9, brokerCores: [2.2, 2.2, 2.2] },
      'machine',
      ['All processors', 'brokers 6.6', 'producers 0.9'],
    ],
    [
      'somebody else on the machine',
      cluster,
      { busyCores: 8, brokerCores: [0.5, 0.5, 0.5] },
      'machine',
      ['no part of this', 'quiet machine'],
    ],
    ['one load process in full', cluster, { producerCores: 0.97 }, 'generator', ['0.97 core']],
    [
      'one library in full',
      { ...cluster, client: 'kafkajs' },
      { producerCores: 0.99 },
      'client',
      ['kafkajs', 'producer 0 at 0.99 core'],
    ],
    [
      'one broker in full',
      cluster,
      { brokerCores: [0.98, 0.4, 0.4], leaders: [4, 0, 0] },
      'leader',
      ['broker 1 at 0.98 core', 'leads 4 of 4 partitions', '2 brokers had time left'],
    ],
    [
      'one broker of another commit in full',
      { ...cluster, target: 'cluster@1a2b3c4d5e' },
      { brokerCores: [0.98, 0.4, 0.4], leaders: [4, 0, 0] },
      'leader',
      ['broker 1 at 0.98 core'],
    ],
    [
      'a follower in full',
      cluster,
      { brokerCores: [0.6, 0.97, 0.4], leaders: [4, 0, 0] },
      'follower',
      ['broker 2 at 0.97 core'],
    ],
    [
      'the busier of a broker and the generator',
      cluster,
      { brokerCores: [0.93, 0.2, 0.2], producerCores: 0.99 },
      'generator',
      [],
    ],
    [
      'the engine in full',
      { target: 'engine' },
      { producerCores: 0.99 },
      'leader',
      ['process with the engine'],
    ],
    [
      'as fast as the load processes can',
      cluster,
      { bytesPerSecond: 950e6, producerCores: 0.6, consumedBytesPerSecond: null },
      'generator',
      ['93 %', '1.02 GB/s a process'],
    ],
    ['waiting for the disk', cluster, { ioWaitShare: 0.3 }, 'disk', ['30 %']],
    [
      'writing as fast as one can',
      cluster,
      { diskBytesPerSecond: 1.9e9 },
      'disk',
      ['1.9 GB/s written'],
    ],
    [
      'loopback full',
      { ...cluster, replicationFactor: 3 },
      { bytesPerSecond: 450e6, serviceMs: 0.2 },
      'network',
      ['1.8 GB/s in all', '2 GB/s'],
    ],
    [
      'every batch synced, syncs counted',
      { ...cluster, flush: 'batch' },
      { ...waiting, syncsPerSecond: 5000 },
      'sync',
      ['flush=batch', '200 us'],
    ],
    [
      'every batch synced, syncs not counted',
      { ...cluster, flush: 'batch' },
      waiting,
      'sync',
      ['1 ms or more'],
    ],
    [
      'few syncs although asked for',
      { ...cluster, flush: 'batch' },
      { ...waiting, syncsPerSecond: 100 },
      'batching',
      [],
    ],
    [
      'all waiting for answers',
      cluster,
      waiting,
      'batching',
      ['5 requests under way', '81.9 MB/s'],
    ],
    [
      'figures that do not fit each other',
      cluster,
      { ...waiting, serviceMs: 10 },
      'unknown',
      ['at its limit'],
    ],
    ['acks=0', { ...cluster, acks: 0 }, { serviceMs: null }, 'unknown', ['acks=0 gives no time']],
    [
      'a JVM may use several cores',
      { ...cluster, target: 'local-kafka' },
      { ...waiting, brokerCores: [1.4, 0.5, 0.5] },
      'batching',
      [],
    ],
  ];
  test.each(cases)('%s', (_name, knobs, figures, verdict, says) => {
    const { bottleneck, text, evidence } = attribute(knobs, figures);
    expect(`${bottleneck}: ${text}`).toContain(`${verdict}: `);
    for (const part of says) expect(text).toContain(part);
    expect(evidence.length).toBeGreaterThan(0);
  });

  test('a remote cluster whose brokers are not seen is unknown, with the reason', () => {
    const cell = cellOf({ target: 'kafka://example:9092', partitions: 4 });
    const run = madeUpRun(cell, waiting);
    const seen = run.processes.filter(({ role }) => role !== 'broker');
    const { bottleneck, text } = attributeCell(cell, [{ ...run, processes: seen }], null, null);
    expect(bottleneck).toBe('unknown');
    expect(text).toContain("the brokers' processors and disks cannot be seen from here");
  });

  test('without calibration nothing is compared with it', () => {
    const { bottleneck } = attribute(
      { ...cluster, flush: 'batch' },
      { ...waiting, diskBytesPerSecond: 1.9e9 },
      null,
    );
    expect(bottleneck).toBe('batching');
  });

  test('the median of the runs decides, not the worst', () => {
    const cell = cellOf(cluster);
    const runs = [0.97, 0.5, 0.5].map((producerCores) =>
      madeUpRun(cell, { ...waiting, producerCores }),
    );
    expect(attributeCell(cell, runs, MADE_UP_CALIBRATION, null).bottleneck).toBe('batching');
  });

  test('consumers that fall behind are in the evidence, not the verdict', () => {
    const { bottleneck, evidence } = attribute(cluster, {
      ...waiting,
      consumedBytesPerSecond: 20e6,
    });
    expect(bottleneck).toBe('batching');
    expect(evidence.join('\n')).toContain('they fall behind');
  });

  test('whatever was measured, there is a verdict with figures that are numbers', () => {
    const amount = (max: number) => fc.double({ min: 0, max, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          bytesPerSecond: amount(5e9),
          requestBytes: fc.integer({ min: 1, max: 1e6 }),
          meanInFlight: amount(100),
          serviceMs: fc.option(amount(1000)),
          producerCores: amount(1.2),
          brokerCores: fc.array(amount(3), { maxLength: 3 }),
          busyCores: fc.option(amount(8)),
          ioWaitShare: amount(0.5),
          syncsPerSecond: fc.option(amount(1e5)),
          diskBytesPerSecond: fc.option(amount(5e9)),
        }),
        fc.constantFrom<Partial<Cell>>(cluster, { target: 'engine' }, { ...cluster, rate: 1e6 }),
        (figures, knobs) => {
          const { text, evidence } = attribute(knobs, figures);
          expect([text, ...evidence].join('\n')).not.toMatch(/NaN|undefined|Infinity|null/);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function attribute(
  knobs: Partial<Cell>,
  figures: MadeUpRun,
  calibration: CalibrationInfo | null = MADE_UP_CALIBRATION,
) {
  const cell = cellOf(knobs);
  return attributeCell(cell, [madeUpRun(cell, figures)], calibration, MADE_UP_LIMIT);
}

function* allFacts(): Generator<DecidingFacts> {
  const names = [
    'isAcknowledged',
    'isRateMet',
    'isMachineFull',
    'isLibrary',
    'isAtGeneratorLimit',
    'isDiskFull',
    'isNetworkFull',
    'isSyncing',
    'isWindowFull',
  ] as const;
  for (const atLimit of ['none', 'producer', 'leader', 'follower'] as const) {
    for (let bits = 0; bits < 2 ** names.length; bits++) {
      const flags = names.map((name, at) => [name, (bits & (1 << at)) !== 0] as const);
      yield { ...(Object.fromEntries(flags) as Omit<DecidingFacts, 'atLimit'>), atLimit };
    }
  }
}
