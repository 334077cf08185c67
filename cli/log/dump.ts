import { basename, join, relative } from 'node:path';
import { isVarveError, VarveError } from '../../engine/errors.js';
import { RecordCursor } from '../../engine/format/batch-reader.js';
import { decodeControlRecordKey } from '../../engine/format/control-record.js';
import { SEGMENT_FILE_KINDS, type SegmentFileKind } from '../../engine/format/segment-file-name.js';
import { findTarget, listPartition } from '../../engine/log/inspect-directory.js';
import { BatchScan } from '../../engine/log/inspect-scan.js';
import { colors as pc } from '../colors.js';
import { columns, formatTime } from '../columns.js';
import { Output } from '../output.js';
import { plural } from '../progress.js';
import { recordToJson, recordToText } from '../record-json.js';
import { FoundDamage, interruptSignal } from '../run-program.js';
import { type BatchFacts, batchFacts } from './batch-json.js';
import { inspectionFiles } from './files.js';
import { namedFileEntries, type SideEntry, sideEntries } from './side-files.js';

export interface DumpCommandOptions {
  readonly printData: boolean;
  readonly json: boolean;
}

const MAX_SIDE_FILE_BYTES = 256 * 1024 * 1024;
const SLICE_BATCHES = 1024;

const batchRow = columns([
  ['position', 11, 'right'],
  ['offsets', 19, 'right'],
  ['records', 7, 'right'],
  ['largest timestamp', 24, 'left'],
  ['bytes', 9, 'right'],
  ['codec', 6, 'left'],
  ['ratio', 6, 'right'],
  ['epoch', 5, 'right'],
  ['producer', 14, 'left'],
  ['crc', 8, 'left'],
  ['', 0, 'left'],
]);

/** Prints what is in a file, or in every file of a partition or data directory. */
export async function dump(path: string, options: DumpCommandOptions): Promise<void> {
  const run = new DumpRun(path, options);
  if ((await run.run()) > 0) throw new FoundDamage();
}

class DumpRun {
  readonly #path: string;
  readonly #options: DumpCommandOptions;
  readonly #out = new Output();
  readonly #cursor = new RecordCursor();
  #damage = 0;
  #files = 0;

  constructor(path: string, options: DumpCommandOptions) {
    this.#path = path;
    this.#options = options;
  }

  async run(): Promise<number> {
    const target = findTarget(inspectionFiles(), this.#path);
    try {
      if (target.kind === 'file') {
        await this.#file(target.path, true);
      } else if (target.kind === 'partition') {
        await this.#partition(target.directory);
      } else {
        for (const name of target.files) await this.#file(join(target.directory, name), false);
        for (const directory of target.partitions) await this.#partition(directory);
      }
    } finally {
      await this.#out.flush();
    }
    return this.#damage;
  }

  async #partition(directory: string): Promise<void> {
    const { files, others } = listPartition(inspectionFiles(), directory);
    const order = (kind: SegmentFileKind) => SEGMENT_FILE_KINDS.indexOf(kind);
    const sorted = [...files].sort(
      (a, b) => a.baseOffset - b.baseOffset || order(a.kind) - order(b.kind),
    );
    for (const { name } of sorted) await this.#file(join(directory, name), false);
    for (const name of others) await this.#file(join(directory, name), false);
  }

  async #file(path: string, asked: boolean): Promise<void> {
    const match = /^(\d{20})\.(log|index|timeindex|txnindex|snapshot)(?:\.|$)/.exec(basename(path));
    try {
      if (match === null) this.#named(path, asked);
      else if (match[2] === 'log') await this.#log(path, asked);
      else this.#side(path, match[2] as Exclude<SegmentFileKind, 'log'>, Number(match[1]));
    } catch (error) {
      const isGone = isVarveError(error, 'NOT_FOUND') && !asked;
      if (isGone) return;
      const isDamage =
        isVarveError(error, 'CORRUPT_INDEX') ||
        isVarveError(error, 'CORRUPT_CHECKPOINT') ||
        (isVarveError(error, 'UNSUPPORTED_FORMAT') && !asked);
      if (!isDamage) throw error;
      this.#problem(path, null, error.message);
    }
  }

  async #log(path: string, asked: boolean): Promise<void> {
    const scan = new BatchScan(inspectionFiles(), path, { checkCrcs: true });
    const signal = interruptSignal();
    try {
      this.#title(path, `${scan.fileBytes} bytes`);
      if (!this.#options.json) this.#out.text(`${pc.dim(batchRow.head)}\n`);
      let batches = 0;
      while (scan.next()) {
        this.#batch(path, scan);
        batches += 1;
        if (this.#out.isFull) await this.#out.flush();
        if (batches % SLICE_BATCHES !== 0) continue;
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
      const rest = scan.fileBytes - scan.position;
      if (rest === 0) return;
      const damaged = scan.bytesBeforeZeros();
      if (batches === 0 && damaged > 0 && asked && !/^\d{20}\.log/.test(basename(path))) {
        throw new VarveError('UNSUPPORTED_FORMAT', `${path}: no record batches: ${scan.reason}`);
      }
      if (damaged > 0) {
        this.#problem(
          path,
          scan.position,
          `no batch here: ${scan.reason}; ${damaged} bytes that are not zeros`,
        );
      } else if (this.#options.json) {
        const line = { type: 'reserved', file: path, position: scan.position, bytes: rest };
        this.#out.text(`${JSON.stringify(line)}\n`);
      } else {
        this.#out.text(pc.dim(`${rest} bytes of zeros follow: reserved space\n`));
      }
    } finally {
      scan.close();
    }
  }

  #batch(path: string, scan: BatchScan): void {
    const facts = batchFacts(scan);
    if (!facts.isValid) this.#damage += 1;
    const unpacked = facts.isValid ? this.#unpackedBytes(scan, facts) : null;
    if (this.#options.json) {
      const ratio =
        unpacked === null || facts.codec === 'none' ? null : unpacked / facts.storedBytes;
      const { storedBytes: _, ...batch } = facts;
      const line = { type: 'batch', file: path, ...batch, compressionRatio: ratio };
      this.#out.text(`${JSON.stringify(line)}\n`);
    } else {
      this.#out.text(`${row(facts, unpacked)}\n`);
    }
    if (this.#options.printData && unpacked !== null) this.#records(path);
  }

  /** Bytes of the records before compression; the cursor is left before the first record. Null where it fails. */
  #unpackedBytes(scan: BatchScan, facts: BatchFacts): number | null {
    if (facts.codec === 'none' && !this.#options.printData) return facts.storedBytes;
    try {
      this.#cursor.reset(scan.buffer, scan.view, scan.at);
      return facts.codec === 'none' ? facts.storedBytes : this.#cursor.buffer.length;
    } catch (error) {
      if (!isVarveError(error)) throw error;
      this.#problem(scan.path, scan.position, `its records cannot be read: ${error.message}`);
      return null;
    }
  }

  #records(path: string): void {
    const cursor = this.#cursor;
    try {
      while (cursor.next()) {
        const record = cursor.record();
        const marker = cursor.isControl ? decodeControlRecordKey(record.key).type : null;
        if (this.#options.json) {
          const line = {
            type: 'record',
            file: path,
            ...recordToJson(record),
            ...(marker && { marker }),
          };
          this.#out.text(`${JSON.stringify(line)}\n`);
        } else {
          this.#out.text(`  ${pc.dim('|')} ${recordToText(record, marker)}\n`);
        }
      }
    } catch (error) {
      if (!isVarveError(error)) throw error;
      this.#problem(path, null, error.message);
    }
  }

  #side(path: string, kind: Exclude<SegmentFileKind, 'log'>, baseOffset: number): void {
    const bytes = inspectionFiles().readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
    this.#title(path, `${bytes.length} bytes`);
    let entries = 0;
    for (const entry of sideEntries(kind, bytes, baseOffset)) {
      this.#entry(path, kind, entry);
      entries += 1;
    }
    if (!this.#options.json) this.#out.text(pc.dim(`${plural(entries, 'entry', 'entries')}\n`));
  }

  #named(path: string, asked: boolean): void {
    const bytes = inspectionFiles().readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
    const entries = namedFileEntries(path, bytes);
    if (entries === null) {
      if (!asked) return;
      throw new VarveError(
        'UNSUPPORTED_FORMAT',
        `${path}: not a file of a log: its name is none of BASEOFFSET.(log|index|timeindex|txnindex|snapshot) and no checkpoint`,
      );
    }
    this.#title(path, `${bytes.length} bytes`);
    for (const entry of entries) this.#entry(path, 'checkpoint', entry);
  }

  #entry(path: string, kind: string, entry: SideEntry): void {
    if (this.#options.json) {
      this.#out.text(`${JSON.stringify({ type: kind, file: path, ...entry })}\n`);
      return;
    }
    const fields = Object.entries(entry).map(([name, value]) => {
      const isTime = name.toLowerCase().endsWith('timestamp') && typeof value === 'number';
      return `${pc.dim(name)} ${isTime ? formatTime(value) : value}`;
    });
    this.#out.text(`${fields.join('  ')}\n`);
  }

  #title(path: string, size: string): void {
    this.#files += 1;
    if (this.#options.json) return;
    const name = relative(this.#path, path) || path;
    this.#out.text(`${this.#files > 1 ? '\n' : ''}${pc.bold(name)}  ${pc.dim(size)}\n`);
  }

  #problem(path: string, position: number | null, message: string): void {
    this.#damage += 1;
    if (this.#options.json) {
      this.#out.text(`${JSON.stringify({ type: 'damage', file: path, position, message })}\n`);
      return;
    }
    const where = position === null ? '' : `position ${position}: `;
    this.#out.text(`${pc.red('damage')}  ${where}${message}\n`);
  }
}

function row(facts: BatchFacts, unpacked: number | null): string {
  const isCompressed = facts.codec !== 'none' && unpacked !== null && facts.storedBytes > 0;
  const producer =
    facts.producerId < 0
      ? ''
      : `${facts.producerId}/${facts.producerEpoch}${facts.baseSequence < 0 ? '' : ` ${facts.baseSequence}..${facts.lastSequence}`}`;
  const flags = [
    facts.isControl ? pc.cyan('control') : '',
    facts.isTransactional && !facts.isControl ? pc.cyan('transactional') : '',
    facts.timestampType === 'LogAppendTime' ? 'append time' : '',
    facts.deleteHorizonMs === null ? '' : `delete horizon ${formatTime(facts.deleteHorizonMs)}`,
    facts.problem === null ? '' : pc.red(facts.problem),
  ];
  return batchRow.row([
    String(facts.position),
    `${facts.baseOffset}..${facts.lastOffset}`,
    String(facts.count),
    formatTime(facts.maxTimestamp),
    String(facts.size),
    facts.codec,
    isCompressed ? (unpacked / facts.storedBytes).toFixed(2) : '',
    String(facts.partitionLeaderEpoch),
    producer,
    facts.isValid ? facts.crc.toString(16).padStart(8, '0') : pc.red('BAD'),
    flags.filter((flag) => flag !== '').join(' '),
  ]);
}
