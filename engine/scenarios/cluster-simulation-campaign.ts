import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { SimulationFailure, type SimulationReport, simulateCluster } from './cluster-simulation.js';

const USAGE = `cluster-simulation-campaign [--seeds A..B | --count N [--from A] | --seed N] [--verbose] [--keep-going]

Simulates a whole cluster (controller, brokers, clients, network, disks, time) once for each seed, breaks what can
break, and checks that nothing promised is broken. One seed gives the same run every time.

  --seed N       one run
  --seeds A..B   runs A to B
  --count N      N runs, from --from on (default: 1)
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
      const report = await simulateCluster(seed, options.print ? { print: options.print } : {});
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

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      count: { type: 'string' },
      from: { type: 'string', default: '1' },
      verbose: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const whole = (name: string, text: string): number => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(`--${name}: ${text} is not a whole number`);
  };
  let first = whole('from', values.from);
  let count = 1000;
  if (values.count !== undefined) count = whole('count', values.count);
  if (values.seed !== undefined) [first, count] = [whole('seed', values.seed), 1];
  if (values.seeds !== undefined) {
    const [low = '', high = ''] = values.seeds.split('..');
    first = whole('seeds', low);
    count = whole('seeds', high) - first + 1;
  }
  const startMs = Date.now();
  let shownMs = startMs;
  const totals = await simulationCampaign(seedsFrom(first, count), {
    keepGoing: values['keep-going'],
    ...(values.verbose && { print: (line: string) => console.log(line) }),
    onRun: (seed, outcome) => {
      if (outcome instanceof SimulationFailure) {
        if (!values.verbose) console.log(outcome.tail.slice(-25).join('\n'));
        console.log(`FAILED ${outcome.message}`);
        if (outcome.rule === 'error') console.log((outcome.cause as Error).stack);
      } else if (count === 1) {
        console.log(`seed ${seed} is clean: trace ${outcome.traceHash}, ${outcome.events} events`);
      }
      if (Date.now() - shownMs < 10_000) return;
      shownMs = Date.now();
      console.log(`${seed - first + 1} of ${count}, ${Math.round((shownMs - startMs) / 1000)} s`);
    },
  });
  const faults = [...totals.faults].map(([kind, times]) => `${kind} ${times}`).join(', ');
  console.log(
    `${totals.runs} seeds from ${first}: ${totals.failures.length} failed; ` +
      `${totals.events} events, ${totals.requests} requests, ${totals.acknowledged} records acknowledged with ` +
      `acks=all, ${totals.consumed} consumed, ${totals.generations} group generations, ` +
      `${Math.round(totals.simulatedMs / 1000)} s simulated in ${Math.round((Date.now() - startMs) / 1000)} s; ` +
      `${totals.lossy} partitions were allowed to lose records`,
  );
  console.log(`faults: ${faults}`);
  for (const { seed, rule } of totals.failures) console.log(`failed: seed ${seed}, ${rule}`);
  return totals.failures.length === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
