import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { madeUpCell, madeUpResult } from '../benchmarks/explain/made-up.js';
import { cellOf } from '../benchmarks/model/knobs.js';
import { readResult, writeResult } from '../benchmarks/run/result-file.js';
import { runCommand } from '../benchmarks/run/testing/bench-command.js';
import { attachProfile, requireCellIn } from './attach.js';

let work: string;
let file: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'varve-attach-'));
  mkdirSync(join(work, 'results'));
  file = join(work, 'results', 'run.json');
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

describe('a profile of a cell of a result', () => {
  it('is stored as a path from the result, at that cell only', () => {
    const cells = [madeUpCell({ partitions: 1 }, []), madeUpCell({ partitions: 4 }, [])];
    writeResult(madeUpResult(cells), file);
    const id = cells[1]?.id ?? '';
    expect(attachProfile(file, id, join(work, 'profiles', 'a b.html'))).toBe(
      '../profiles/a b.html',
    );
    expect(readResult(file).cells.map(({ profile }) => profile)).toEqual([
      null,
      '../profiles/a b.html',
    ]);
  });

  it('another cell is refused with those there are', () => {
    writeResult(madeUpResult([madeUpCell({ partitions: 4, acks: 1 }, [])]), file);
    expect(() => requireCellIn(file, cellOf({ partitions: 4, acks: 1 }))).not.toThrow();
    expect(() => requireCellIn(file, cellOf({ partitions: 2 }))).toThrow(
      /has no cell "target=cluster partitions=2".*\n {2}target=cluster partitions=4 acks=1/,
    );
  });

  it('from the command line: the report has it as a link', async () => {
    const measured = await runCommand([
      ...['bench', 'run', '--target', 'engine', '--partitions', '1,2', '--directory', work],
      ...['--out', file, '--repeat', '1', '--warmup', '50ms', '--seconds', '200ms'],
      ...['--no-calibrate', '--no-report'],
    ]);
    expect(measured.status).toBe(0);
    const profile = (cell: string) =>
      runCommand([
        ...['profile', 'flame', 'engine', cell, '--tool', 'node', '--result', file],
        ...['--seconds', '500ms', '--warmup', '100ms', '--directory', work],
        ...['--out', join(work, 'profiles')],
      ]);
    const wrong = await profile('partitions=3');
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toMatch(/has no cell "target=engine partitions=3"/);

    const right = await profile('partitions=2');
    expect(right.stderr).toMatch(/varve bench report .*run\.json. shows it at its cell/);
    expect(right.status).toBe(0);
    const [one, two] = readResult(file).cells;
    expect(one?.profile).toBeNull();
    expect(two?.profile).toMatch(/^\.\.\/profiles\/.*-flame-engine\.html$/);
    expect(readFileSync(join(work, 'results', two?.profile ?? ''), 'utf8')).toContain('</html>');

    const elsewhere = join(work, 'report.html');
    const report = await runCommand(['bench', 'report', file, '--out', elsewhere]);
    expect(report.status).toBe(0);
    // From where the report is, not from where the result is.
    const href = /<a href="(results\/\.\.\/profiles\/[^"]*)">/.exec(
      readFileSync(elsewhere, 'utf8'),
    );
    expect(readFileSync(join(work, href?.[1] ?? 'none'), 'utf8')).toContain('</html>');
  }, 120_000);
});
