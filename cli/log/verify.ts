import { basename, dirname, join, relative } from 'node:path';
import { isVarveError } from '../../engine/errors.js';
import { parseSegmentFileName } from '../../engine/format/segment-file-name.js';
import { findTarget, type InspectTarget } from '../../engine/log/inspect-directory.js';
import type { Finding } from '../../engine/log/inspect-finding.js';
import {
  checkNamedFile,
  checkSnapshot,
  type VerifyOptions,
  type VerifySummary,
  verifyPartition,
} from '../../engine/log/inspect-verify.js';
import { CATALOG_FILE, decodeCatalog } from '../../engine/topics/topic-catalog.js';
import { colors as pc } from '../colors.js';
import { Output } from '../output.js';
import { formatBytes, Progress, plural } from '../progress.js';
import { FoundDamage, interruptSignal, UsageError } from '../run-program.js';
import { inspectionFiles } from './files.js';

const MAX_CATALOG_BYTES = 256 * 1024 * 1024;

export interface VerifyCommandOptions {
  readonly checkRecords: boolean;
  readonly json: boolean;
}

/** Checks a file, a partition or a data directory, and says what is wrong and what repair would do. */
export async function verify(path: string, options: VerifyCommandOptions): Promise<void> {
  const run = new VerifyRun(path, options);
  const damage = await run.run();
  if (damage > 0) throw new FoundDamage();
}

class VerifyRun {
  readonly #path: string;
  readonly #options: VerifyCommandOptions;
  readonly #target: InspectTarget;
  readonly #out = new Output();
  readonly #progress = new Progress('verifying', 'bytes');
  readonly #startedMs = performance.now();
  #damage = 0;
  #bytes = 0;

  constructor(path: string, options: VerifyCommandOptions) {
    this.#path = path;
    this.#options = options;
    this.#target = findTarget(inspectionFiles(), path);
  }

  async run(): Promise<number> {
    const target = this.#target;
    try {
      if (target.kind === 'file') await this.#file(target.path);
      else if (target.kind === 'partition') await this.#partition(target.directory);
      else await this.#dataDirectory(target);
      this.#progress.end();
      this.#summary();
    } finally {
      this.#progress.end();
      await this.#out.flush();
    }
    return this.#damage;
  }

  async #dataDirectory(target: InspectTarget & { kind: 'data-directory' }): Promise<void> {
    for (const name of target.files) {
      const finding = checkRootFile(join(target.directory, name), name);
      if (finding !== null) this.#finding(finding);
    }
    for (const directory of target.partitions) {
      await this.#partition(directory);
      await this.#out.flush();
    }
  }

  async #partition(directory: string, only: Partial<VerifyOptions> = {}): Promise<void> {
    const before = this.#bytes;
    const summary = await verifyPartition(inspectionFiles(), directory, {
      ...only,
      checkRecords: this.#options.checkRecords,
      signal: interruptSignal(),
      report: (finding) => this.#finding(finding),
      onProgress: (bytes, total) => {
        this.#bytes = before + bytes;
        this.#progress.update(this.#bytes, this.#target.kind === 'partition' ? total : null);
      },
    });
    this.#progress.end();
    this.#partitionLine(summary);
  }

  async #file(path: string): Promise<void> {
    const name = basename(path);
    const segment = parseSegmentFileName(name);
    if (segment === null || segment.suffix !== null) {
      const finding = checkRootFile(path, name);
      // Named by the user: there is nothing here that could be called undamaged.
      if (finding?.code === 'foreign') throw new UsageError(`${path} ${finding.message}`);
      if (finding !== null) this.#finding(finding);
    } else if (segment.kind === 'snapshot') {
      const finding = checkSnapshot(inspectionFiles(), path, segment.baseOffset);
      if (finding !== null) this.#finding(finding);
    } else {
      await this.#partition(dirname(path), { onlySegment: segment.baseOffset });
    }
  }

  #finding(finding: Finding): void {
    if (finding.severity === 'damage') this.#damage += 1;
    if (this.#options.json) {
      this.#out.text(`${JSON.stringify({ type: 'finding', ...finding })}\n`);
      return;
    }
    const isDamage = finding.severity === 'damage';
    const where = [
      pc.bold(relative(this.#root(), finding.path) || basename(finding.path)),
      finding.position === null ? '' : `position ${finding.position}`,
      finding.offset === null ? '' : `offset ${finding.offset}`,
    ];
    const head = isDamage ? pc.red('damage') : pc.dim('note  ');
    const place = where.filter((part) => part !== '').join(', ');
    this.#out.text(`${head}  ${place}: ${isDamage ? finding.message : pc.dim(finding.message)}\n`);
    if (isDamage)
      this.#out.text(pc.dim(`        repair ${finding.repair ?? 'can do nothing about it'}\n`));
  }

  #root(): string {
    return this.#target.kind === 'file' ? dirname(this.#path) : this.#path;
  }

  #partitionLine(summary: VerifySummary): void {
    if (this.#options.json) {
      this.#out.text(`${JSON.stringify({ type: 'partition', ...summary })}\n`);
      return;
    }
    const { batches, records, bytes, segments, damage } = summary;
    const mark = damage === 0 ? pc.green('ok    ') : pc.red(pc.bold('BAD   '));
    const state = { clean: 'closed cleanly', unclean: 'in use or not closed', unknown: '' };
    const parts = [
      plural(segments, 'segment'),
      plural(batches, 'batch', 'batches'),
      plural(records, 'record'),
      formatBytes(bytes),
      `offsets ${summary.logStartOffset} to ${summary.logEndOffset}`,
      state[summary.shutdown],
    ];
    const text = parts.filter((part) => part !== '').join(', ');
    this.#out.text(`${mark}  ${pc.bold(basename(summary.directory))}: ${text}\n`);
  }

  #summary(): void {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const damage = this.#damage;
    if (this.#options.json) {
      const line = { type: 'summary', path: this.#path, damage, bytes: this.#bytes, seconds };
      this.#out.text(`${JSON.stringify(line)}\n`);
      return;
    }
    const rate = `${formatBytes(this.#bytes)} in ${seconds.toFixed(2)} s, ${formatBytes(this.#bytes / seconds)}/s`;
    const verdict =
      damage === 0 ? pc.green('No damage.') : pc.red(`${plural(damage, 'damaged place')}.`);
    this.#out.text(`\n${verdict} ${pc.dim(rate)}\n`);
    if (damage > 0 && this.#target.kind !== 'file') {
      this.#out.text(`See what a repair would do: varve log repair ${this.#path} --dry-run\n`);
    }
  }
}

/** The catalog of topics is varve's own; the other files of a data directory's root are Kafka's too. */
function checkRootFile(path: string, name: string): Finding | null {
  if (name !== CATALOG_FILE) return checkNamedFile(inspectionFiles(), path, name);
  try {
    decodeCatalog(inspectionFiles().readFile(path, { maxBytes: MAX_CATALOG_BYTES }), path);
    return null;
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_CHECKPOINT')) throw error;
    return {
      severity: 'damage',
      code: 'bad-checkpoint',
      path,
      position: null,
      offset: null,
      message: error.message,
      repair: null,
    };
  }
}
