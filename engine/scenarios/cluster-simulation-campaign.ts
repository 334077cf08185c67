import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { SimulationFailure, type SimulationReport, simulateCluster } from './cluster-simulation.js';
import type { Plan } from './cluster-simulation-plan.js';

const USAGE = `cluster-simulation-campaign [--seeds A..B | --count N [--from A] | --seed N] [--verbose] [--keep-going]

Simulates a whole cluster (controller, brokers, clients, network, disks, time) once for each seed, breaks what can
break, and checks that nothing promised is broken. One seed gives the same run every time.

  --seed N       one run
  --seeds A..B   runs A to B
  --count N      N runs, from --from on (default: 1)
  --at-once N    processes, default: one for each processor
  --verbose      print the trace
  --keep-going   do not stop at the first failure`;

export interface CampaignTotals {
  runs: number;
  failures: SimulationFailure[];
  events: number;
  requests: number;
  acknowledged: number;
  consumed: number;
  generations: number;
  lossy: number;
  simulatedMs: number;
  readonly faults: Map<string, number>;
}

/** Runs seeds one after another. `onRun` is told of each. */
export async function simulationCampaign(
  seeds: Iterable<number>,
  options: {
    readonly keepGoing?: boolean;
    readonly print?: (line: string) => void;
    readonly adjust?: (plan: Plan) => Plan;
    readonly onRun?: (seed: number, outcome: SimulationReport | SimulationFailure) => void;
  } = {},
): Promise<CampaignTotals> {
  const totals: CampaignTotals = {
    runs: 0,
    failures: [],
    events: 0,
    requests: 0,
    acknowledged: 0,
    consumed: 0,
    generations: 0,
    lossy: 0,
    simulatedMs: 0,
    faults: new Map(),
  };
  for (const seed of seeds) {
    totals.runs += 1;
    try {
      const report = await simulateCluster(seed, {
        ...(options.print && { print: options.print }),
        ...(options.adjust && { adjust: options.adjust }),
      });
      totals.events += report.events;
      totals.requests += report.requests;
      totals.acknowledged += report.acknowledged;
      totals.consumed += report.consumed;
      totals.generations += report.generations;
      totals.lossy += report.lossy;
      totals.simulatedMs += report.simulatedMs;
      for (const [kind, count] of report.faults) {
        totals.faults.set(kind, (totals.faults.get(kind) ?? 0) + count);
      }
      options.onRun?.(seed, report);
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error;
      totals.failures.push(error);
      options.onRun?.(seed, error);
      if (!options.keepGoing) break;
    }
  }
  return totals;
}

export function* seedsFrom(first: number, count: number): Generator<number, void, void> {
  for (let seed = first; seed < first + count; seed += 1) yield seed;
}

interface Command {
  readonly first: number;
  readonly count: number;
  readonly keepGoing: boolean;
  readonly isVerbose: boolean;
  readonly atOnce: number;
}

function commandOf(args: readonly string[]): Command | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      count: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      'at-once': { type: 'string', default: String(availableParallelism()) },
      verbose: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const whole = (name: string, text: string): number => {
    const value = Number(text);
    if (text !== '' && Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(`--${name}: ${JSON.stringify(text)} is not a whole number`);
  };
  let first = whole('from', values.from);
  let count = whole('count', values.count);
  if (values.seed !== undefined) [first, count] = [whole('seed', values.seed), 1];
  if (values.seeds !== undefined) {
    const [low = '', high = ''] = values.seeds.split('..');
    first = whole('seeds', low);
    count = whole('seeds', high) - first + 1;
  }
  return {
    first,
    count,
    keepGoing: values['keep-going'],
    isVerbose: values.verbose,
    atOnce: Math.max(1, whole('at-once', values['at-once'])),
  };
}

/** Seeds that one process takes at a time. */
const CHUNK = 100;

interface ChunkTotals extends Omit<CampaignTotals, 'failures' | 'faults'> {
  readonly failed: readonly { readonly seed: number; readonly rule: string }[];
  readonly faults: readonly (readonly [string, number])[];
}

/** Totals as one line of JSON for whoever started this process. */
const TOTALS_VARIABLE = 'VARVE_SIMULATION_TOTALS';

function plain({ failures, faults, ...rest }: CampaignTotals): ChunkTotals {
  return {
    ...rest,
    failed: failures.map(({ seed, rule }) => ({ seed, rule })),
    faults: [...faults],
  };
}

async function runHere({ first, count, keepGoing, isVerbose }: Command): Promise<ChunkTotals> {
  const totals = await simulationCampaign(seedsFrom(first, count), {
    keepGoing,
    ...(isVerbose && { print: (line: string) => console.log(line) }),
    onRun: (seed, outcome) => {
      if (outcome instanceof SimulationFailure) {
        if (!isVerbose) console.log(outcome.tail.slice(-25).join('\n'));
        console.log(`FAILED ${outcome.message}`);
        if (outcome.rule === 'error') console.log((outcome.cause as Error).stack);
      } else if (count === 1) {
        console.log(`seed ${seed} is clean: trace ${outcome.traceHash}, ${outcome.events} events`);
      }
    },
  });
  return plain(totals);
}

function runElsewhere(first: number, count: number, keepGoing: boolean): Promise<ChunkTotals> {
  const args = ['--from', `${first}`, '--count', `${count}`, '--at-once', '1'];
  if (keepGoing) args.push('--keep-going');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, [TOTALS_VARIABLE]: '1' },
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = text.trimEnd().split('\n');
      const last = lines.pop() ?? '';
      for (const line of lines) console.log(line);
      if (last.startsWith('{')) resolve(JSON.parse(last) as ChunkTotals);
      else reject(new Error(`seeds from ${first}: ended with code ${code}: ${last}`));
    });
  });
}

async function runAtOnce(command: Command): Promise<ChunkTotals[]> {
  const { first, count, keepGoing, atOnce } = command;
  const all: ChunkTotals[] = [];
  const startMs = Date.now();
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + count) {
      const from = next;
      next = Math.min(from + CHUNK, first + count);
      const totals = await runElsewhere(from, next - from, keepGoing);
      all.push(totals);
      const runs = all.reduce((sum, its) => sum + its.runs, 0);
      console.log(`${runs} of ${count} seeds, ${Math.round((Date.now() - startMs) / 1000)} s`);
      if (totals.failed.length > 0 && !keepGoing) next = first + count;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return all;
}

function report(first: number, chunks: readonly ChunkTotals[], startMs: number): void {
  const sum = (of: (its: ChunkTotals) => number): number =>
    chunks.reduce((total, its) => total + of(its), 0);
  const faults = new Map<string, number>();
  for (const chunk of chunks) {
    for (const [kind, times] of chunk.faults) faults.set(kind, (faults.get(kind) ?? 0) + times);
  }
  const failed = chunks.flatMap((chunk) => chunk.failed);
  console.log(
    `${sum((its) => its.runs)} seeds from ${first}: ${failed.length} failed; ` +
      `${sum((its) => its.events)} events, ${sum((its) => its.requests)} requests, ` +
      `${sum((its) => its.acknowledged)} records acknowledged with acks=all, ` +
      `${sum((its) => its.consumed)} consumed, ${sum((its) => its.generations)} group generations, ` +
      `${Math.round(sum((its) => its.simulatedMs) / 1000)} s simulated in ` +
      `${Math.round((Date.now() - startMs) / 1000)} s; ` +
      `${sum((its) => its.lossy)} partitions were allowed to lose records`,
  );
  console.log(`faults: ${[...faults].map(([kind, times]) => `${kind} ${times}`).join(', ')}`);
  for (const { seed, rule } of failed) console.log(`failed: seed ${seed}, ${rule}`);
}

async function main(args: readonly string[]): Promise<number> {
  const command = commandOf(args);
  if (command === null) {
    console.log(USAGE);
    return 0;
  }
  const { first, count, isVerbose, atOnce } = command;
  const startMs = Date.now();
  const isParallel = atOnce > 1 && count > CHUNK && !isVerbose;
  const chunks = isParallel ? await runAtOnce(command) : [await runHere(command)];
  if (process.env[TOTALS_VARIABLE] === '1') console.log(JSON.stringify(chunks[0]));
  else report(first, chunks, startMs);
  return chunks.some(({ failed }) => failed.length > 0) ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
