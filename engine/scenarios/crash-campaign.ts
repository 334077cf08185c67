import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type CrashVerdict, runCrashes } from './crash-run.js';

const USAGE = `crash-campaign [--runs N] [--seed N] [--at-once N] [--json]

Each run takes one directory through several writer processes, killed with SIGKILL at random moments, and
compares what is found afterwards with what they acknowledged. Run i has seed SEED + i: a failing one is run
again with --runs 1 --seed ITS_SEED. A directory that failed is kept.

  --runs N      default 500
  --seed N      default: from the clock
  --at-once N   runs at the same time, default 2
  --json        one line of JSON a run, and one for all of them`;

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly atOnce: number;
  readonly json: boolean;
}

interface Totals {
  runs: number;
  failed: number;
  kills: number;
  killsWhileOpening: number;
  cleanEnds: number;
  recoveries: number;
  recordsAcknowledged: number;
  recordsChecked: number;
}

/** Runs the campaign; resolves with its totals. `onVerdict` is told of each run as it ends. */
async function campaign(options: Options, onVerdict: (verdict: CrashVerdict) => void) {
  const totals: Totals = {
    runs: 0,
    failed: 0,
    kills: 0,
    killsWhileOpening: 0,
    cleanEnds: 0,
    recoveries: 0,
    recordsAcknowledged: 0,
    recordsChecked: 0,
  };
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < options.runs) {
      const seed = options.seed + next;
      next += 1;
      const verdict = await runCrashes(seed);
      totals.runs += 1;
      if (verdict.problem !== null) totals.failed += 1;
      for (const name of Object.keys(totals) as (keyof Totals)[]) {
        if (name !== 'runs' && name !== 'failed') totals[name] += verdict[name];
      }
      onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, lane));
  return totals;
}

function optionsOf(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '500' },
      seed: { type: 'string', default: String(Date.now()) },
      'at-once': { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'runs' | 'seed' | 'at-once', least: number): number => {
    const value = Number(values[name]);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new RangeError(`--${name} ${values[name]} is not a whole number from ${least} on`);
  };
  if (values.help) return null;
  const { json } = values;
  return { runs: number('runs', 1), seed: number('seed', 0), atOnce: number('at-once', 1), json };
}

async function main(args: readonly string[]): Promise<void> {
  const options = optionsOf(args);
  if (options === null) return console.log(USAGE);
  const { runs, seed, json } = options;
  if (!json) console.log(`crash campaign: ${runs} runs from seed ${seed}`);
  const showsProgress = !json && process.stderr.isTTY;
  let done = 0;
  const totals = await campaign(options, (verdict) => {
    done += 1;
    if (json) console.log(JSON.stringify(verdict));
    else if (verdict.problem !== null) {
      console.log(
        `seed ${verdict.seed} FAILED (${verdict.store}, ${verdict.files}): ${verdict.problem}\n` +
          `  its directory is kept: ${verdict.directory}\n` +
          `  again: npm run test:crash -- --runs 1 --seed ${verdict.seed}`,
      );
    }
    if (showsProgress) process.stderr.write(`\r${done} of ${runs} runs`);
  });
  if (showsProgress) process.stderr.write('\r');
  if (json) console.log(JSON.stringify({ ...totals, seed }));
  else {
    const text = Object.entries(totals).map(([name, count]) => `${name} ${count}`);
    console.log(`seed ${seed}: ${totals.failed === 0 ? 'passed' : 'FAILED'}; ${text.join(', ')}`);
  }
  process.exitCode = totals.failed === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof RangeError ? `${error.message}\n\n${USAGE}` : error);
    process.exitCode = 2;
  });
}
