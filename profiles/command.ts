import { tmpdir } from 'node:os';
import { type Command, Option } from 'commander';
import { wholeNumberFrom } from '../cli/arguments.js';
import { readableFile, seconds } from '../cli/bench/flags.js';
import { KINDS, type ProfileKind, TOOLS, WHAT_IT_SHOWS } from './kinds.js';
import type { ProfileFlags } from './run-profile.js';

const EXAMPLES: Readonly<Record<ProfileKind, string>> = {
  flame: `  varve profile flame engine recordBytes=100
  varve profile flame cluster partitions=4 replicationFactor=3 acks=all --broker 2
  varve profile flame engine partitions=16 --result results/run.json`,
  doctor: `  varve profile doctor cluster acks=all replicationFactor=3
  varve profile doctor engine flush=batch --json | jq .delay`,
  bubbleprof: '  varve profile bubbleprof cluster acks=1 --seconds 2s',
  heap: `  varve profile heap engine codec=zstd
  varve profile heap cluster --live`,
};

/** `varve profile flame|doctor|bubbleprof|heap|install` */
export function addProfileCommand(program: Command): void {
  const profile = program
    .command('profile')
    .description('run a benchmark cell with the engine or a broker under a profiler');
  for (const kind of KINDS) addKind(profile, kind);
  profile
    .command('install')
    .description(
      'install clinic.js from your npm registry into profiles/clinic/node_modules (some 700 packages, 150 MB)',
    )
    .addHelpText(
      'after',
      `
Examples:
  varve profile install

Without it Node's own profilers are used. Nothing else installs it or asks the network for anything.`,
    )
    .action(async () => (await import('./install.js')).installClinic());
}

function addKind(profile: Command, kind: ProfileKind): void {
  profile
    .command(kind)
    .description(WHAT_IT_SHOWS[kind])
    .argument(
      '<cell...>',
      'engine, cluster or a preset, and knobs: engine partitions=4 flush=batch',
    )
    .option('--seconds <time>', 'how long load is measured', seconds, kind === 'bubbleprof' ? 2 : 8)
    .option('--warmup <time>', 'load before that, which is profiled, too', seconds, 1)
    .option(
      '--broker <id>',
      'of a cluster: which one; it leads some partition',
      wholeNumberFrom(1),
      1,
    )
    .addOption(
      new Option('--tool <name>', 'clinic’s pages, or Node’s own profilers')
        .choices(['auto', ...TOOLS])
        .default('auto'),
    )
    .option('--live', 'heap: what is still reachable at the end, not all that was allocated')
    .option('--out <dir>', 'where the page is written', 'profiles/out')
    .option('--directory <dir>', 'where the cell’s data is written, and deleted after', tmpdir())
    .option(
      '--result <file>',
      'a result of `varve bench run` that has this cell: its report links the page',
      readableFile,
    )
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Examples:
${EXAMPLES[kind]}

Of engine the load process is profiled, which has the engine in it; of cluster one broker's process. Knobs are those of
\`varve bench run --help\`, as knob=value. A profiled process is slower: its rates are no figures to quote.
On a Node on which clinic's tool is not known to be right, Node's own profiler is used, and the summary says so.
Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (cell: string[], flags: ProfileFlags) =>
      (await import('./run-profile.js')).runProfile(kind, cell, flags),
    );
}
