import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rawTarget } from './embedded/raw.js';
import type { OpenTarget, Target } from './embedded/target.js';
import { crossAxes } from './matrix.js';
import { renderReport } from './report.js';
import { parseResult, ResultFormatError, serializeResult, writeResult } from './result-file.js';
import { runCell, VerificationError } from './runner.js';
import { PRESETS, type Settings } from './settings.js';
import { runSuite } from './suite.js';
import { prepareWorkload } from './workload.js';

const directory = mkdtempSync(join(tmpdir(), 'varve-suite-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

const settings: Settings = {
  ...PRESETS.smoke,
  name: 'test',
  preset: 'smoke',
  target: 'raw',
  seed: 1,
  payloadFile: null,
  spread: 'exact',
  directory,
};
const quiet = { begin: () => {}, step: () => {}, end: () => {} };

describe('a whole run', () => {
  const running = runSuite(rawTarget, settings, quiet);

  test('every cell has every repeat, figures that agree, and a share of the limit', async () => {
    const result = await running;
    expect(result.cells.map(({ cell }) => cell)).toEqual(crossAxes(settings.axes));
    for (const { repeats, summary, cell, lostInACrash } of result.cells) {
      expect(repeats).toHaveLength(settings.repeats);
      expect(lostInACrash).not.toBe('');
      let samples = 0;
      for (const run of repeats) {
        expect(run.valueBytes).toBe(run.records * (cell.recordBytes as number));
        expect(run.records).toBe(run.batches * cell.batchRecords);
        expect(run.appendLatency?.count).toBe(run.batches);
        expect(run.fileBytesPerValueByte).toBeCloseTo(1.04, 2);
        samples += run.batches;
      }
      // No sample is lost between the runs and the summary.
      expect(summary.appendLatency?.count).toBe(samples);
      expect(summary.appendOfLimit).toBeGreaterThan(0);
    }
  });

  test('leaves no data behind', async () => {
    await running;
    expect(readdirSync(directory).filter((name) => name.startsWith('varve-bench-'))).toEqual([]);
  });

  test('the result file reads back as it was, with machine and calibration', async () => {
    const result = await running;
    const path = join(directory, 'results', 'one.json');
    writeResult(result, path);
    const read = parseResult(readFileSync(path, 'utf8'));
    expect(read).toEqual(JSON.parse(serializeResult(result)));
    expect(read.environment.cores).toBeGreaterThan(0);
    expect(read.calibration.fdatasync4KiBP99Us).toBeGreaterThanOrEqual(
      read.calibration.fdatasync4KiBP50Us,
    );
    expect(existsSync(`${path}.tmp`)).toBe(false);
  });

  test.each([
    ['not JSON', () => 'x', 'not JSON'],
    [
      'another version',
      (text: string) => text.replace('"schemaVersion": 1', '"schemaVersion": 2'),
      'schemaVersion is 2; this program reads 1',
    ],
    [
      'a missing field',
      (text: string) => text.replace('"kernel"', '"kernels"'),
      'environment.kernel must be string',
    ],
    [
      'a wrong type',
      (text: string) => text.replace(/"repeats": \d+/, '"repeats": "3"'),
      'settings.repeats must be number',
    ],
    [
      'a broken cell',
      (text: string) => text.replace('"lostInACrash"', '"lost"'),
      'cells[0].lostInACrash must be string',
    ],
  ])('a result that is %s is refused by name', async (_name, damage, message) => {
    const text = damage(serializeResult(await running));
    expect(() => parseResult(text)).toThrow(ResultFormatError);
    expect(() => parseResult(text)).toThrow(message);
  });

  test('the report names every cell, the machine and the seed, in plain text without color', async () => {
    const text = renderReport(await running, { color: false });
    expect(text).not.toContain('\x1b[');
    for (const word of [
      'memcpy',
      'fdatasync',
      'seed 1',
      '100 B',
      'batch',
      'of\n'.trim(),
      'limit',
    ]) {
      expect(text).toContain(word);
    }
    expect(renderReport(await running, { color: true })).toContain('\x1b[');
  });
});

test('a target that gives back a wrong byte fails the run', async () => {
  const lying: Target = {
    name: 'lying',
    async open(options): Promise<OpenTarget> {
      const honest = await rawTarget.open(options);
      return {
        settings: {},
        append: (partition, records) => honest.append(partition, records),
        appendDurable: (partition, records) => honest.appendDurable(partition, records),
        flush: () => honest.flush(),
        close: () => honest.close(),
        async read(partition) {
          const totals = await honest.read(partition);
          return { ...totals, checksum: totals.checksum + 1 };
        },
      };
    },
  };
  const cell = { partitions: 1, recordBytes: 100, batchRecords: 10, durability: 'none' } as const;
  const run = runCell(lying, cell, prepareWorkload(cell, settings), {
    dataDirectory: directory,
    bounds: { seconds: 0.01, bytes: 10_000 },
  });
  await expect(run).rejects.toThrow(VerificationError);
  expect(readdirSync(directory).filter((name) => name.startsWith('varve-bench-'))).toEqual([]);
});

describe('the program, as built by `npm run build` (part of `npm test`)', () => {
  beforeAll(() => {
    if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build first`);
  });
  const program = join(import.meta.dirname, '..', 'dist', 'benchmarks', 'main.js');
  const run = (
    ...args: string[]
  ): {
    done: Promise<{ code: number | string | null; out: string; err: string }>;
    kill: () => void;
  } => {
    let kill = (): void => {};
    const done = new Promise<{ code: number | string | null; out: string; err: string }>(
      (resolve) => {
        const child = execFile(process.execPath, [program, ...args], (error, out, err) =>
          resolve({ code: error === null ? 0 : (error.code ?? null), out, err }),
        );
        kill = () => child.kill('SIGINT');
      },
    );
    return { done, kill: () => kill() };
  };

  test('--json prints the document and nothing else, and writes it to --out', async () => {
    const out = join(directory, 'out.json');
    const {
      code,
      out: text,
      err,
    } = await run(...['--preset', 'smoke', '--json', '--directory', directory, '--out', out]).done;
    expect(err).not.toContain('failed');
    expect(code).toBe(0);
    expect(parseResult(text)).toEqual(parseResult(readFileSync(out, 'utf8')));
  });

  test('wrong arguments exit with 2 and say the range', async () => {
    const { code, err } = await run('--partitions', '0').done;
    expect(code).toBe(2);
    expect(err).toContain('from 1 to 10000');
  });

  test('Ctrl-C exits with 130 and leaves no data', async () => {
    const data = join(directory, 'interrupted');
    const child = run('--preset', 'quick', '--directory', data, '--out', join(data, 'never.json'));
    const appeared = async (): Promise<void> => {
      while (!existsSync(data) || readdirSync(data).length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await appeared();
    child.kill();
    const { code, err } = await child.done;
    expect(code).toBe(130);
    expect(err).toContain('interrupted');
    expect(readdirSync(data)).toEqual([]);
  });
});
