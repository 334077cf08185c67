import { mkdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { describeEnvironment } from '../environment.js';
import { describeMachine } from '../figures.js';
import { createProgress } from '../progress.js';
import { cleanUpOnSignals, createTempDirectory, removeTempDirectory } from '../temp-directory.js';
import type { Outcome, SpeedRow } from './row.js';
import { SPEED_ROWS } from './rows.js';

const GIB = 1024 ** 3;
/** Left free on the disk whatever a row needs. */
const SPARE_BYTES = GIB / 2;

interface RowResult {
  readonly id: string;
  readonly work: string;
  readonly outcomes: readonly Outcome[];
  /** Why the row was not measured, or null. */
  readonly skipped: string | null;
}

interface Options {
  readonly only?: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly directory: string;
  readonly json?: boolean;
}

const command = new Command('npm run bench:targets --')
  .description(
    'Measures each line of the speed table, each with its control in the same run, in turn.',
  )
  .option('--only <rows>', 'some of the rows below, separated by commas', rowIds)
  .option('--rounds <n>', 'runs of each side, 3 - 50', rounds, 5)
  .option('--scale <n>', 'amount of work, 0.001 - 1; targets hold at 1', scale, 1)
  .option('--directory <dir>', 'where data is written and deleted', tmpdir())
  .option('--json', 'one document instead of the table')
  .addHelpText(
    'after',
    `
Rows (disk space each needs at scale 1):
${SPEED_ROWS.map((row) => `  ${row.id.padEnd(15)} ${`${(row.diskBytes / GIB).toFixed(1)} GiB`.padStart(8)}  ${row.work}`).join('\n')}

Exit codes: 0 every target measured is met, 1 a run failed, 2 wrong arguments, 3 a target is missed.`,
  );

function rowIds(text: string): string[] {
  const ids = text.split(',');
  const unknown = ids.find((id) => !SPEED_ROWS.some((row) => row.id === id));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `no row ${unknown}; there are ${SPEED_ROWS.map(({ id }) => id).join(', ')}.`,
    );
  }
  return ids;
}

function rounds(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 3 && value <= 50)) throw new InvalidArgumentError('a whole number from 3 to 50.');
  return value;
}

function scale(text: string): number {
  const value = Number(text);
  if (!(value >= 0.001 && value <= 1)) throw new InvalidArgumentError('a number from 0.001 to 1.');
  return value;
}

async function run(row: SpeedRow, options: Options): Promise<RowResult> {
  const { id, work } = row;
  const disk = statfsSync(options.directory);
  const neededBytes = row.diskBytes * options.scale + SPARE_BYTES;
  const freeBytes = disk.bavail * disk.bsize;
  if (freeBytes < neededBytes) {
    const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;
    const skipped = `needs ${gib(neededBytes)} free, ${options.directory} has ${gib(freeBytes)}; use --directory`;
    return { id, work, outcomes: [], skipped };
  }
  const directory = createTempDirectory(options.directory);
  try {
    return { id, work, outcomes: await row.measure({ ...options, directory }), skipped: null };
  } finally {
    removeTempDirectory(directory);
  }
}

function render(results: readonly RowResult[], color: boolean): string {
  const colors = pc.createColors(color);
  const table = new Table({
    head: ['row', 'measured, and against what', 'figure', 'ratio', 'target', ''],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const { id, outcomes, skipped } of results) {
    if (skipped !== null) table.push([id, { colSpan: 5, content: `not measured: ${skipped}` }]);
    for (const outcome of outcomes) table.push(renderOutcome(id, outcome, colors));
  }
  return table.toString();
}

function renderOutcome(
  id: string,
  { what, figure, control, ratio, target, pass }: Outcome,
  colors: ReturnType<typeof pc.createColors>,
): string[] {
  return [
    id,
    control === null ? what : `${what}\n  / ${control.name}`,
    control === null ? figure : `${figure}\n${control.figure}`,
    ratio === null
      ? ''
      : `${ratio.median.toFixed(2)} x (${ratio.low.toFixed(2)} - ${ratio.high.toFixed(2)})`,
    target,
    pass === null ? '' : pass ? colors.green('pass') : colors.red('MISSED'),
  ];
}

async function main(): Promise<number> {
  const options = command.parse().opts<Options>();
  cleanUpOnSignals();
  mkdirSync(options.directory, { recursive: true });
  const settings = { ...options, directory: resolve(options.directory) };
  const rows = SPEED_ROWS.filter(
    ({ id }) => options.only === undefined || options.only.includes(id),
  );
  const progress = createProgress(process.stderr);
  progress.begin(rows.length);
  const results: RowResult[] = [];
  for (const row of rows) {
    progress.step(row.work);
    results.push(await run(row, settings));
  }
  progress.end();
  const environment = describeEnvironment(settings.directory);
  if (options.json === true) {
    const { rounds, scale } = options;
    console.log(JSON.stringify({ environment, rounds, scale, rows: results }, null, 2));
  } else {
    console.log(describeMachine(environment));
    console.log(
      render(results, process.stdout.isTTY === true && process.env.NO_COLOR === undefined),
    );
    console.log(
      `Medians of ${options.rounds} runs (3 where a run writes gigabytes); ratios to the control of the same round, with their range.${
        options.scale === 1 ? '' : ` Scale ${options.scale}: targets hold at scale 1.`
      }`,
    );
  }
  const missed = results.some(({ outcomes }) => outcomes.some(({ pass }) => pass === false));
  return missed ? 3 : 0;
}

command.exitOverride();
main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    if (error instanceof Error && 'exitCode' in error) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(
      `\nbench:targets failed: ${error instanceof Error ? error.stack : error}\n`,
    );
    process.exitCode = 1;
  },
);
