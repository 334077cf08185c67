import { type Command, InvalidArgumentError } from 'commander';
import { nameAndValue, wholeNumberFrom } from '../arguments.js';
import { addKnobOptions, addMeasureOptions, bound, seconds } from './flags.js';
import type { RunFlags } from './request.js';

const port = wholeNumberFrom(0, 65_535);

/** `varve bench ...` */
export function addBenchCommands(program: Command): void {
  const bench = program
    .command('bench')
    .description('measure what partitions, replication, acks, batching and durability cost here');
  addRun(bench);
  addResume(bench);
  addPresets(bench);
  addList(bench);
  addShow(bench);
  addReport(bench);
  addCompare(bench);
  addAb(bench);
  addExport(bench);
  addSchema(bench);
}

function addRun(bench: Command): void {
  const command = bench
    .command('run')
    .description('run a preset, a suite file, or a matrix of knobs')
    .option('--preset <name>', 'a preset; `varve bench presets` lists them (default: quick)')
    .option('--suite <file>', 'a suite of your own, YAML or JSON')
    .option(
      '--repeat <n>',
      'runs of each cell; under 3 there is no interval',
      wholeNumberFrom(1, 100),
    )
    .option('--warmup <time>', 'before each window: 500ms, 1s', seconds)
    .option('--seconds <time>', 'measured window of each run: 2s', seconds)
    .option('--time <time>', 'budget for everything, shared out over all runs: 10m', seconds)
    .option('--slo <bound>', 'say which rates meet it: p99=10ms', bound)
    .option('--name <name>', 'in the result and its file name', resultName)
    .option('--out <file>', 'result file (default: results/<time>-<name>.json)')
    .option('--report <file>', 'where the report goes (default: beside the result)')
    .option('--no-report', 'write none')
    .option('--no-calibrate', 'do not measure what the machine can do before and after')
    .option('--ui [port]', 'serve a local page with live charts while it runs', port)
    .option('--dry-run', 'say which cells would run and for how long, and stop')
    .option('--json', 'print the result document on stdout');
  addMeasureOptions(addKnobOptions(command))
    .addHelpText(
      'after',
      `
Knobs take lists: each is crossed with every other. With a preset or a suite they replace its own values.

Examples:
  varve bench run
  varve bench run --partitions 1,4,16 --replication-factor 1,3 --acks 1,all
  varve bench run --target cluster,local-kafka --partitions 1,8 --time 10m
  varve bench run --target kafka://broker-1:9092,broker-2:9092 --preset latency --slo p99=10ms
  varve bench run --target engine --flush os,batch --payload access.log
  varve bench run --suite my-suite.yaml --ui

Targets: engine (in a process of its own), cluster (varve, started for the run), local-kafka (Apache Kafka from its
Maven jars, needs Java and Maven), kafka://HOST:PORT,... (any cluster that speaks Kafka's protocol).
Ctrl-C keeps what was measured, marked partial; \`varve bench resume\` goes on from there. A cell whose broker dies or whose
disk is full fails with its reason, and the others go on.
Exit codes: 0 done, 1 a cell or everything failed, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (flags: RunFlags) => (await import('./run.js')).runBench(flags));
}

function addResume(bench: Command): void {
  const command = bench
    .command('resume')
    .description('go on with a run that was interrupted, from its result or its journal')
    .argument('<file>', 'a partial result, or the .journal of a run that was killed')
    .option('--report <file>', 'where the report goes (default: beside the result)')
    .option('--no-report', 'write none')
    .option('--no-calibrate', 'do not measure what the machine can do before and after')
    .option('--json', 'print the result document on stdout');
  addMeasureOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve bench resume results/2026-01-31T12-00-00-000Z-full.json
  varve bench resume results/2026-01-31T12-00-00-000Z-full.json.journal

The payload and passwords are not in a result: give those flags again.`,
    )
    .action(async (file: string, flags: RunFlags) =>
      (await import('./run.js')).resumeBench(file, flags),
    );
}

function addPresets(bench: Command): void {
  bench
    .command('presets')
    .description('list the presets with their cells and how long they take')
    .option('--json', 'one JSON object a preset')
    .addHelpText('after', '\nExamples:\n  varve bench presets')
    .action(async (flags: { json?: true }) => (await import('./presets.js')).listPresets(flags));
}

function addList(bench: Command): void {
  bench
    .command('list')
    .description('list results')
    .argument('[directory]', 'where they are (default: results)')
    .option('--json', 'one JSON object a result')
    .addHelpText('after', '\nExamples:\n  varve bench list\n  varve bench list results/baselines')
    .action(async (directory: string | undefined, flags: { json?: true }) =>
      (await import('./show.js')).listAll(directory, flags),
    );
}

function addShow(bench: Command): void {
  bench
    .command('show')
    .description('print a result as tables and small charts')
    .argument('<file>', 'a result')
    .option('--slo <bound>', 'say which rates meet it: p99=10ms', bound)
    .addHelpText(
      'after',
      '\nExamples:\n  varve bench show results/baselines/cluster-kafka-full.json --slo p99=20ms',
    )
    .action(async (file: string, flags: { slo?: string }) =>
      (await import('./show.js')).showOne(file, flags),
    );
}

function addReport(bench: Command): void {
  bench
    .command('report')
    .description('write the report of a result: one HTML file that works offline')
    .argument('<file>', 'a result')
    .option('--out <file>', 'where to (default: beside the result)')
    .option('--slo <bound>', 'draw it, and say which rates meet it: p99=10ms', bound)
    .option('--markdown', 'Markdown for a pull request, on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  varve bench report results/run.json\n  varve bench report results/run.json --markdown | gh pr comment -F -',
    )
    .action(async (file: string, flags: { out?: string; slo?: string; markdown?: true }) =>
      (await import('./report.js')).writeReport(file, flags),
    );
}

function addCompare(bench: Command): void {
  bench
    .command('compare')
    .description('two results, cell by cell: better, worse, or no significant difference')
    .argument(
      '<a>',
      'a result: what was before; or one result that holds two targets, with --targets',
    )
    .argument('[b]', 'a result: what is now')
    .option('--targets <a,b>', 'compare two targets of one result', twoTargets)
    .option('--report <file>', 'write both side by side, one HTML file')
    .option('--markdown', 'Markdown on stdout')
    .option('--json', 'print the comparison as JSON')
    .addHelpText(
      'after',
      `
Examples:
  varve bench compare results/before.json results/after.json
  varve bench compare results/both.json --targets cluster,local-kafka --report both.html

Exit codes: 0 nothing is worse, 1 something is worse, 2 wrong usage or not comparable.`,
    )
    .action(async (a: string, b: string | undefined, flags) =>
      (await import('./compare.js')).compareFiles(a, b, flags),
    );
}

function addAb(bench: Command): void {
  const command = bench
    .command('ab')
    .description('two commits of this clone, built apart and measured in turn, and compared')
    .argument('<a>', 'a commit, tag or branch: what was before')
    .argument('<b>', 'another: what is now')
    .option('--preset <name>', 'a preset (default: quick without the engine)')
    .option('--suite <file>', 'a suite of your own, YAML or JSON')
    .option('--repeat <n>', 'runs of each cell', wholeNumberFrom(2, 100))
    .option('--warmup <time>', 'before each window: 500ms, 1s', seconds)
    .option('--seconds <time>', 'measured window of each run: 2s', seconds)
    .option('--time <time>', 'budget for everything, shared out over all runs: 10m', seconds)
    .option('--name <name>', 'in the result and its file name', resultName)
    .option('--out <file>', 'result file (default: results/<time>-<name>.json)')
    .option('--report <file>', 'where the report goes (default: beside the result)')
    .option('--no-report', 'write none')
    .option('--no-calibrate', 'do not measure what the machine can do before and after');
  addMeasureOptions(addKnobOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  varve bench ab HEAD~1 HEAD --partitions 1,4 --replication-factor 1,3 --repeat 5

Exit codes: 0 nothing is worse, 1 something is worse or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (a: string, b: string, flags: RunFlags) =>
      (await import('./ab.js')).compareCommits(a, b, flags),
    );
}

function addExport(bench: Command): void {
  bench
    .command('export')
    .description('a result as CSV, or one of its charts as a picture')
    .argument('<file>', 'a result')
    .requiredOption(
      '--format <format>',
      'csv, json, svg or png',
      oneOf('csv', 'json', 'svg', 'png'),
    )
    .option('--chart <name>', 'svg and png: which; without it the charts that there are, listed')
    .option(
      '--show <name=value>',
      'svg and png: target, measure or a knob to look at; of the timeline cell (its id) and run (from 0); repeat for more',
      nameAndValue,
    )
    .option('--theme <theme>', 'svg and png: light or dark', oneOf('light', 'dark'), 'light')
    .option('--width <pixels>', 'svg and png', wholeNumberFrom(200, 4000), 900)
    .option('--height <pixels>', 'svg and png', wholeNumberFrom(100, 4000))
    .option('--slo <bound>', 'svg and png: draw it: p99=10ms', bound)
    .option('--out <file>', 'where to (default: stdout)')
    .addHelpText(
      'after',
      `
Examples:
  varve bench export results/run.json --format csv > run.csv
  varve bench export results/run.json --format svg --chart heat --show acks=all --theme dark --out scaling.svg`,
    )
    .action(async (file: string, flags) => (await import('./export.js')).exportResult(file, flags));
}

function addSchema(bench: Command): void {
  bench
    .command('schema')
    .description('print the JSON Schema of results')
    .addHelpText('after', '\nExamples:\n  varve bench schema > schema.json')
    .action(async () => (await import('./show.js')).printSchema());
}

function resultName(text: string): string {
  if (!/^[\w.-]{1,100}$/.test(text) || /^\.+$/.test(text)) {
    throw new InvalidArgumentError('It is 1 to 100 letters, digits, dots, dashes or underscores.');
  }
  return text;
}

function oneOf<T extends string>(...values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new InvalidArgumentError(`It is one of ${values.join(', ')}.`);
    return found;
  };
}

function twoTargets(text: string): readonly [string, string] {
  const [a, b, ...more] = text.split(/,(?=[a-z-]+(?::\/\/|,|$))/);
  if (a === undefined || b === undefined || more.length > 0) {
    throw new InvalidArgumentError('It is two targets with a comma between them.');
  }
  return [a, b];
}
