import { describe, expect, test } from 'vitest';
import type { Cell } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import { explainResult } from './explanation.js';
import { explainKnobs, knobNoteText } from './knobs.js';
import { type MadeUpRun, madeUpCell, madeUpResult } from './made-up.js';

const SPREAD = [0.99, 1, 1.01, 1.005, 0.995];

function repeated(
  knobs: Partial<Cell>,
  figures: MadeUpRun & { bytesPerSecond: number },
): CellResult {
  return madeUpCell(
    knobs,
    SPREAD.map((factor, at) => ({
      ...figures,
      // No two cells have the same noise.
      bytesPerSecond:
        figures.bytesPerSecond * (SPREAD[(at + (knobs.partitions ?? 0)) % 5] ?? factor),
    })),
  );
}

function noteOf(cells: readonly CellResult[], knob: keyof Cell) {
  const note = explainKnobs({ cells: [...cells] }).find(({ effect }) => effect.knob === knob);
  if (note === undefined) throw new Error(`nothing is said of ${knob}`);
  return note;
}

/** Partitions double what requests carry; copies cost a third; acks cost nothing without copies and much with them. */
const MATRIX = [1, 4, 16].flatMap((partitions) =>
  [1, 3].flatMap((replicationFactor) =>
    ([0, 1, 'all'] as const).map((acks) =>
      repeated(
        { partitions, replicationFactor, acks },
        {
          bytesPerSecond:
            20e6 *
            Math.sqrt(partitions) *
            (replicationFactor === 3 ? 0.66 : 1) *
            (acks === 'all' && replicationFactor === 3 ? 0.7 : 1),
          requestBytes: 16_384 * Math.sqrt(partitions),
          brokerCores: replicationFactor === 3 ? [0.8, 0.8, 0.8] : [0.4, 0.4, 0.4],
        },
      ),
    ),
  ),
);

describe('knobs', () => {
  test('what did most comes first, with its ratio and why', () => {
    const notes = explainKnobs({ cells: MATRIX });
    expect(notes.map(({ effect }) => effect.knob)).toEqual([
      'partitions',
      'replicationFactor',
      'acks',
    ]);
    const [partitions] = notes;
    expect(partitions?.size).toBe('large');
    expect(partitions?.effect.whole.ratio).toBeCloseTo(4, 1);
    expect(partitions?.effect.whole.pairs).toHaveLength(6);
    expect(partitions?.reason).toContain('a request carries 64 KiB instead of 16 KiB');
  });

  test('replicas cost because each byte is written that often', () => {
    const note = noteOf(MATRIX, 'replicationFactor');
    expect(note.effect.whole.verdict).toBe('worse');
    expect(note.reason).toContain('each byte is written 3 times instead of 1');
    expect(note.reason).toMatch(/processor time of brokers for a million records is .* instead of/);
  });

  test('a knob that matters only with another says with which', () => {
    const note = noteOf(MATRIX, 'acks');
    expect(note.effect.whole.verdict).toBe('mixed');
    expect(note.interaction).toBe('matters only with RF 3');
  });

  test('a knob that did nothing says so, and why it could not', () => {
    const cells = [1, 4].flatMap((partitions) =>
      ([0, 1, 'all'] as const).map((acks) =>
        repeated(
          { partitions, acks },
          { bytesPerSecond: 50e6 * partitions, busyCores: 7.9, brokerCores: [2, 2, 2] },
        ),
      ),
    );
    const note = noteOf(cells, 'acks');
    expect(note.size).toBe('none');
    const text = knobNoteText(note);
    expect(text).toContain('acks: from acks 0 to acks all did nothing here');
    expect(text).toContain('with one replica the leader is all in-sync replicas there are');
    expect(text).toContain('all processors of the machine are busy at both ends');
  });

  test('too few repeats cannot tell', () => {
    const cells = [1, 2].map((partitions) => madeUpCell({ partitions }, [{}]));
    const note = noteOf(cells, 'partitions');
    expect(note.size).toBe('unknown');
    expect(knobNoteText(note)).toContain('cannot be told');
  });

  test('a knob that never was turned alone is not judged', () => {
    const cells = [
      repeated({ partitions: 1, acks: 1 }, { bytesPerSecond: 1e6 }),
      repeated({ partitions: 2, acks: 'all' }, { bytesPerSecond: 2e6 }),
    ];
    expect(explainKnobs({ cells })).toEqual([]);
  });

  test('targets are judged apart, and cells that failed are left out', () => {
    const cells = [
      ...[1, 2].map((partitions) => repeated({ partitions }, { bytesPerSecond: 1e6 * partitions })),
      ...[1, 2].map((partitions) =>
        repeated({ partitions, target: 'local-kafka' }, { bytesPerSecond: 1e6 }),
      ),
      madeUpCell({ partitions: 4 }, []),
    ];
    const notes = explainKnobs({ cells });
    expect(notes.map(({ effect, size }) => `${effect.target} ${size}`)).toEqual([
      'cluster large',
      'local-kafka none',
    ]);
  });

  test('of set rates the latency is what a knob changes', () => {
    const cells = [0, 5, 20].map((lingerMs) =>
      madeUpCell(
        { lingerMs, rate: 1e6 },
        SPREAD.map((factor) => ({
          bytesPerSecond: 1e6,
          achievedShare: 1,
          publishMs: [(2 + lingerMs) * factor],
        })),
      ),
    );
    const note = noteOf(cells, 'lingerMs');
    expect(note.effect.metric).toBe('publishP99Us');
    expect(note.effect.whole.verdict).toBe('worse');
    expect(note.effect.whole.ratio).toBeCloseTo(11, 0);
  });

  test('flush is ordered by safety', () => {
    const cells = (['batch', 'os', '1000ms'] as const).map((flush, at) =>
      repeated({ flush }, { bytesPerSecond: 50e6 / (at + 1) }),
    );
    const { steps } = noteOf(cells, 'flush').effect;
    expect(steps.map(({ from, to }) => `${from} > ${to}`)).toEqual([
      'flush os > flush 1000ms',
      'flush 1000ms > flush batch',
    ]);
  });
});

test('the explanation of a report: answer, knobs, scaling', () => {
  const explanation = explainResult(madeUpResult(MATRIX));
  expect(explanation.answer.length).toBeGreaterThanOrEqual(3);
  expect(explanation.answer.length).toBeLessThanOrEqual(5);
  expect(explanation.knobs.map(({ knob, verdict }) => `${knob} ${verdict}`)).toEqual([
    'partitions large',
    'replicationFactor large',
    'acks some',
  ]);
  expect(explanation.scaling).toHaveLength(6);
  expect(explanation.scaling[0]?.fixed).toEqual({ replicationFactor: 1, acks: 0 });
  expect(JSON.stringify(explanation)).not.toMatch(/NaN|undefined|Infinity/);
});
