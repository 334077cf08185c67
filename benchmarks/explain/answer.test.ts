import { describe, expect, test } from 'vitest';
import type { Cell } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import { byteRateText } from '../model/text.js';
import { answerText } from '../report/explanation.js';
import { answerOf } from './answer.js';
import { explainKnobs } from './knobs.js';
import { type MadeUpRun, madeUpCell } from './made-up.js';

/** Of three repeats. */
const QUIET = [0.99, 1, 1.01];
const LOUD = [0.2, 1, 4];

function cell(knobs: Partial<Cell>, figures: MadeUpRun, spread: readonly number[]): CellResult {
  const bytesPerSecond = figures.bytesPerSecond ?? 50e6;
  // No two cells are loud in the same repeats.
  const turn = Math.log2(knobs.partitions ?? 1) + (knobs.acks === 'all' ? 1 : 0);
  return madeUpCell(
    knobs,
    spread.map((_, at) => ({
      ...figures,
      repeat: at,
      bytesPerSecond: bytesPerSecond * (spread[(at + turn) % spread.length] as number),
    })),
  );
}

function matrix(spread: readonly number[], figures: MadeUpRun = {}): CellResult[] {
  return [1, 4].flatMap((partitions) =>
    [1, 3].flatMap((replicationFactor) =>
      (['all', 0] as const).map((acks) =>
        cell(
          { partitions, replicationFactor, acks },
          {
            ...figures,
            bytesPerSecond: (20e6 * partitions) / replicationFactor ** 2,
            requestBytes: 16_384 * partitions,
            serviceMs: 2 * partitions,
          },
          spread,
        ),
      ),
    ),
  );
}

const linesOf = (cells: CellResult[]) => answerOf({ cells }, explainKnobs({ cells }));
const textOf = (cells: CellResult[], about: string) => {
  const line = linesOf(cells).find((each) => each.about.startsWith(about));
  if (line === undefined) throw new Error(`nothing is said of ${about}`);
  return answerText(line);
};

describe('the answer', () => {
  test('is in the order people ask, whatever did most', () => {
    expect(linesOf(matrix(QUIET)).map(({ about }) => about)).toEqual([
      'Partitions',
      'Replication factor (RF)',
      'Acks',
      'What limits',
    ]);
  });

  test('says how much, with two rates of the document, and why', () => {
    const cells = matrix(QUIET);
    const text = textOf(cells, 'Replication');
    expect(text).toMatch(/RF 3 gave 0\.11x the rate of RF 1 \(95 % between 0\.1\dx and 0\.1\dx\)/);
    expect(text).toContain('Why: each byte is written 3 times instead of 1');
    const [, from, to, partitions, acks] =
      /for example (.+) to (.+) with (\d) partitions?, acks (\w+)/.exec(text) ?? [];
    for (const [shown, replicationFactor] of [
      [from, 1],
      [to, 3],
    ] as const) {
      const found = cells.find(
        ({ cell: one }) =>
          String(one.partitions) === partitions &&
          String(one.acks) === acks &&
          one.replicationFactor === replicationFactor,
      );
      expect(shown).toBe(byteRateText(found!.summary!.producedBytesPerSecond.median));
    }
  });

  test('a cost that grew is no reason why a rate rose', () => {
    const text = textOf(matrix(QUIET), 'Partitions');
    expect(text).toContain('a request carries 64 KiB instead of 16 KiB');
    expect(text).not.toContain('an answer takes');
  });

  test('shows what was measured where it cannot be told, and says that it is not certain', () => {
    const text = textOf(matrix(LOUD), 'Partitions');
    expect(text).toMatch(
      /4 partitions gave [\d.]+x the rate of 1 partition \(95 % between .*not certain/,
    );
    expect(text).toContain('What changed along: a request carries 64 KiB instead of 16 KiB');
    expect(text).not.toContain('Why');
  });

  test('two pairs of three repeats are enough for what changes twentyfold', () => {
    const cells = [1, 16].flatMap((partitions) =>
      (['os', 'batch'] as const).map((flush) =>
        cell({ partitions, flush }, { bytesPerSecond: flush === 'os' ? 80e6 : 4e6 }, [0.8, 1, 1.3]),
      ),
    );
    expect(textOf(cells, 'Flush')).toMatch(/flush batch gave 0\.05\dx the rate of flush os \(95 %/);
  });

  test('names programs that are no part of it, and runs that acknowledged nothing', () => {
    const cells = matrix(QUIET, { busyCores: 8, cores: 8, producerCores: 0.5 });
    expect(textOf(cells, 'What limits')).toMatch(
      /^What limits: all processors of the machine are busy in 8 of 8 settings\. Other programs took [\d.]+ of 8 cores/,
    );
    const idle = madeUpCell({ partitions: 1, acks: 'all' }, [{ bytesPerSecond: 0 }, {}, {}]);
    const text = textOf([idle, ...cells.slice(1)], 'What limits');
    expect(text).toContain('1 run acknowledged nothing (1 partition, RF 1, acks all)');
    expect(text).toContain('the ratios leave such settings out');
  });
});
