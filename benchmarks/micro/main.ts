import { Command, InvalidArgumentError } from 'commander';
import { Bench } from 'tinybench';
import { count, micros, rate } from '../figures.js';
import { GROUPS } from './groups.js';
import type { MicroTask } from './task.js';

interface MicroResult {
  readonly group: string;
  readonly name: string;
  readonly unit: MicroTask['unit'];
  /** At the median call: what a call costs that neither the collector nor the kernel interrupts. */
  readonly unitsPerSecond: number;
  readonly callP50Us: number;
  readonly callP99Us: number;
  readonly samples: number;
}

async function runGroup(name: string, timeMs: number): Promise<MicroResult[]> {
  const group = GROUPS.find((candidate) => candidate.name === name);
  if (group === undefined) throw new Error(`no group ${name}`);
  const open = await group.open();
  try {
    const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true });
    for (const task of open.tasks) bench.add(task.name, () => task.run());
    await bench.run();
    const results: MicroResult[] = [];
    for (const task of open.tasks) {
      await task.run();
      task.check();
      const result = bench.getTask(task.name)?.result;
      if (result === undefined || !('latency' in result))
        throw new Error(`${task.name} did not run`);
      const { latency } = result;
      results.push({
        group: name,
        name: task.name,
        unit: task.unit,
        unitsPerSecond: (task.unitsPerCall * 1000) / latency.p50,
        callP50Us: latency.p50 * 1000,
        callP99Us: latency.p99 * 1000,
        samples: latency.samplesCount,
      });
    }
    return results;
  } finally {
    await open.close();
  }
}

function describe(result: MicroResult): string {
  const speed =
    result.unit === 'bytes'
      ? rate(result.unitsPerSecond)
      : `${count(result.unitsPerSecond)} ${result.unit}/s`;
  const call = `p50 ${micros(result.callP50Us)}, p99 ${micros(result.callP99Us)} a call`;
  return `  ${result.name.padEnd(42)} ${speed.padStart(18)}   ${call}`;
}

function groupNames(text: string): string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !GROUPS.some((group) => group.name === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `no group ${unknown}; there are ${GROUPS.map((group) => group.name).join(', ')}.`,
    );
  }
  return names;
}

function milliseconds(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 60_000)) throw new InvalidArgumentError('from 1 to 60000.');
  return value;
}

const command = new Command('npm run bench:micro --')
  .description('Times each hot part by itself. For figures of the whole engine: npm run bench')
  .option('--only <groups>', `some of ${GROUPS.map((group) => group.name).join(', ')}`, groupNames)
  .option('--time <ms>', 'for each task, 1 - 60000', milliseconds, 300)
  .option('--json', 'one object a line')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();
const { only, time, json } = command.opts<{ only?: string[]; time: number; json?: boolean }>();
for (const name of only ?? GROUPS.map((group) => group.name)) {
  if (json !== true) console.log(name);
  for (const result of await runGroup(name, time)) {
    console.log(json === true ? JSON.stringify(result) : describe(result));
  }
}
