import { spawn } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type ChaosVerdict, describeRunning, runChaos } from './chaos-run.js';

const USAGE = `chaos-campaign [--runs N] [--seed N] [--at-once N] [--json]

Each run starts a cluster of three broker processes with relays between them, lets npm clients produce (idempotent,
acks=all) and consume in a group, and kills, stops, restarts and cuts off brokers, supervisor and consumers as the seed
says. Then everything heals, and every acknowledged record must be there once and in order, on every replica. Run i has
seed SEED + i: a failing one is run again with --runs 1 --seed ITS_SEED. A directory that failed is kept.

  --runs N      default 200
  --seed N      default: from the clock
  --at-once N   runs at the same time, default 2
  --json        one line of JSON a run, and one for all of them`;

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly atOnce: number;
  readonly json: boolean;
}

const COUNTS = [
  'recordsAcknowledged',
  'recordsProcessed',
  'recordsChecked',
  'sendsRepeated',
  'membersGivenUp',
  'producersGivenUp',
  'nudges',
] as const;

interface Totals extends Record<(typeof COUNTS)[number], number> {
  runs: number;
  failed: number;
  /** Runs that began anew because a client library ended their process. */
  clientCrashes: number;
  faults: Record<string, number>;
}

const RUN_LIMIT_MS = 300_000;
const ANSWER_MS = 5_000;
const MOST_SAID = 20_000;
/** The first argument of this program when it is one run's process. */
const ONE = '--one';

/** A run has a process of its own: what clients leave behind when they are cut off ends with it. */
async function runApart(seed: number): Promise<ChaosVerdict> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ONE, String(seed)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complaint = '';
  child.stdout.on('data', (data: Buffer) => {
    said += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    complaint += data.toString();
  });
  // First it is asked where it stands.
  const asked = setTimeout(() => child.kill('SIGTERM'), RUN_LIMIT_MS);
  const late = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS + ANSWER_MS);
  const how = await new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(String(code ?? signal)));
  });
  clearTimeout(asked);
  clearTimeout(late);
  const line = said.trim().split('\n').at(-1) ?? '';
  if (how === '0' && line.startsWith('{')) return JSON.parse(line) as ChaosVerdict;
  const counts = Object.fromEntries(COUNTS.map((name) => [name, 0]));
  return {
    seed,
    problem: `the run's process ended with ${how}: ${complaint.trim().slice(-MOST_SAID)}`,
    directory: null,
    faults: {},
    clients: '',
    durationMs: 0,
    settledMs: 0,
    story: [],
    ...(counts as Record<(typeof COUNTS)[number], number>),
  };
}

/**
 * @platformatic/kafka 1.35 answers a request that timed out once more when its connection closes, and its queue then calls
 * what is no function. That ends the process, and with it everything that was to be checked.
 */
const CLIENT_CRASH =
  /TypeError: op is not a function[\s\S]*@platformatic\/kafka\/dist\/network\/connection\.js/;
const MOST_CLIENT_CRASHES = 2;

/** A run counts only when it came to its own end, with everything checked: one that a client ended begins anew. */
async function runToItsEnd(seed: number, onClientCrash: () => void): Promise<ChaosVerdict> {
  for (let crashes = 0; ; crashes += 1) {
    const verdict = await runApart(seed);
    const isClients = verdict.problem !== null && CLIENT_CRASH.test(verdict.problem);
    if (!isClients || crashes === MOST_CLIENT_CRASHES) return verdict;
    onClientCrash();
  }
}

/** Runs the campaign; resolves with its totals. `onVerdict` is told of each run as it ends. */
async function campaign(options: Options, onVerdict: (verdict: ChaosVerdict) => void) {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, 0]));
  const totals = { runs: 0, failed: 0, clientCrashes: 0, faults: {}, ...counts } as Totals;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < options.runs) {
      const seed = options.seed + next;
      next += 1;
      const verdict = await runToItsEnd(seed, () => {
        totals.clientCrashes += 1;
        console.error(`seed ${seed}: @platformatic/kafka ended the process; the run begins anew`);
      });
      totals.runs += 1;
      if (verdict.problem !== null) totals.failed += 1;
      for (const name of COUNTS) totals[name] += verdict[name];
      for (const [kind, count] of Object.entries(verdict.faults)) {
        totals.faults[kind] = (totals.faults[kind] ?? 0) + count;
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
      runs: { type: 'string', default: '200' },
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

function tell(verdict: ChaosVerdict, done: string): void {
  const { seed, problem, story, directory, faults, clients, durationMs, recordsChecked } = verdict;
  const kinds = Object.entries(faults).map(([kind, count]) => `${count} ${kind}`);
  console.log(
    `${done} seed ${seed} ${problem === null ? 'passed' : 'FAILED'}: ${recordsChecked} records, ${clients}, ` +
      `${(durationMs / 1000).toFixed(1)} s; ${kinds.join(', ')}`,
  );
  if (problem === null) return;
  console.log(
    `  ${problem}\n  again: npm run test:chaos -- --runs 1 --seed ${seed}\n` +
      `  its directory is kept: ${directory}\n${story.map((line) => `    ${line}`).join('\n')}`,
  );
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === ONE) {
    process.on('SIGTERM', () => {
      process.stderr.write(`${describeRunning().join('\n')}\n`);
    });
    const verdict = await runChaos(Number(args[1]));
    // Clients that were cut off may have sockets and timers left; this run is over.
    process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit(0));
    return;
  }
  const options = optionsOf(args);
  if (options === null) return console.log(USAGE);
  const { runs, seed, json } = options;
  if (!json) console.log(`chaos campaign: ${runs} runs from seed ${seed}`);
  let done = 0;
  const totals = await campaign(options, (verdict) => {
    done += 1;
    if (json) console.log(JSON.stringify(verdict));
    else tell(verdict, `${done}/${runs}`);
  });
  if (json) console.log(JSON.stringify({ ...totals, seed }));
  else {
    const { faults, ...counts } = totals;
    const text = Object.entries({ ...counts, ...faults }).map(([name, n]) => `${name} ${n}`);
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
