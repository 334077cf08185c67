import { basename, join, relative } from 'node:path';
import { VarveError } from '../../engine/errors.js';
import { openFileSystem } from '../../engine/io/index.js';
import { findTarget } from '../../engine/log/inspect-directory.js';
import {
  type RepairAction,
  type RepairReport,
  repairPartition,
} from '../../engine/log/inspect-repair.js';
import { colors as pc } from '../colors.js';
import { formatCount, Progress, plural } from '../progress.js';
import { FoundDamage, interruptSignal } from '../run-program.js';
import { inspectionFiles } from './files.js';

export interface RepairCommandOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Repairs a partition, or every damaged partition of a data directory, and says what it did. */
export async function repair(path: string, options: RepairCommandOptions): Promise<void> {
  const target = findTarget(inspectionFiles(), path);
  if (target.kind === 'file') {
    throw new VarveError(
      'INVALID_ARGUMENT',
      `${path} is a file: repair takes a partition directory or a data directory`,
    );
  }
  const directories = target.kind === 'partition' ? [target.directory] : target.partitions;
  let isWhole = true;
  for (const directory of directories) {
    const report = await repairOne(path, directory, options);
    if (options.dryRun ? report.before.damage > 0 : report.remaining.length > 0) isWhole = false;
  }
  if (!isWhole) throw new FoundDamage();
}

async function repairOne(
  root: string,
  directory: string,
  options: RepairCommandOptions,
): Promise<RepairReport> {
  const progress = new Progress(`repairing ${basename(directory)}`, 'bytes');
  try {
    // Plain writes: what is cut here may be mapped by nobody.
    const report = await repairPartition(openFileSystem({ kind: 'portable' }), directory, {
      dryRun: options.dryRun,
      signal: interruptSignal(),
      onAction: (action) => {
        progress.end();
        tellAction(root, action, options);
      },
      onProgress: (_, bytes, total) => progress.update(bytes, total),
    });
    progress.end();
    tellReport(report, options);
    return report;
  } finally {
    progress.end();
  }
}

const WORDS: Readonly<Record<RepairAction['action'], { did: string; would: string }>> = {
  cut: { did: 'cut', would: 'would cut' },
  'copy-tail': { did: 'kept', would: 'would keep' },
  'set-aside': { did: 'set aside', would: 'would set aside' },
  'rebuild-index': { did: 'rebuilt', would: 'would rebuild' },
  'rebuild-transactions': { did: 'rebuilt', would: 'would rebuild' },
  'rebuild-epochs': { did: 'rebuilt', would: 'would rebuild' },
  'set-checkpoint': { did: 'set', would: 'would set' },
};

function tellAction(
  root: string,
  action: RepairAction,
  { json, dryRun }: RepairCommandOptions,
): void {
  if (json) {
    console.log(JSON.stringify({ type: 'action', dryRun, ...action }));
    return;
  }
  const { did, would } = WORDS[action.action];
  const verb = (dryRun ? would : did).padEnd(dryRun ? 16 : 10);
  const kept = action.keptIn === null ? '' : pc.dim(`, in ${relative(root, action.keptIn)}`);
  const message =
    action.action === 'cut' && dryRun ? action.message.replace(' now', '') : action.message;
  console.log(`${pc.yellow(verb)}${pc.bold(relative(root, action.path))}: ${message}${kept}`);
}

function tellReport(report: RepairReport, { json, dryRun }: RepairCommandOptions): void {
  const { before, after, remaining, actions } = report;
  if (json) {
    const { directory } = report;
    console.log(JSON.stringify({ type: 'repair', directory, dryRun, before, after, remaining }));
    return;
  }
  const name = pc.bold(basename(report.directory));
  if (actions.length === 0 && before.damage === 0) {
    console.log(`${pc.green('ok')}        ${name}: nothing to repair`);
    return;
  }
  const end = after?.logEndOffset ?? before.cut?.endOffset ?? before.logEndOffset;
  const records = `${formatCount((after ?? before).records)} records`;
  if (dryRun) {
    console.log(
      `${name}: ${plural(before.damage, 'damaged place')}; nothing was written. The log would end at offset ${end}`,
    );
    return;
  }
  for (const finding of remaining) {
    const where = join(basename(report.directory), basename(finding.path));
    console.log(`${pc.red('damage')}    ${where}: ${finding.message}`);
  }
  const verdict =
    remaining.length === 0
      ? pc.green('verified, no damage left')
      : pc.red(`${plural(remaining.length, 'damaged place')} left that a repair cannot mend`);
  console.log(`${name}: ${records} kept, the log ends at offset ${end}; ${verdict}`);
}
