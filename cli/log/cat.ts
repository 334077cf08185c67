import { baseOffset, isControl } from '../../engine/format/batch-header.js';
import { RecordCursor } from '../../engine/format/batch-reader.js';
import { LogInspector } from '../../engine/log/inspect-log.js';
import { Output } from '../output.js';
import { recordToJson } from '../record-json.js';
import { interruptSignal } from '../run-program.js';
import { inspectionFiles } from './files.js';

export interface CatCommandOptions {
  readonly fromOffset: number;
  /** Not printed, nor anything after it. */
  readonly toOffset: number;
  readonly json: boolean;
}

const NEWLINE = Buffer.from('\n');

/** Prints the records of one partition: values a line each, or one JSON object a line. */
export async function catRecords(directory: string, options: CatCommandOptions): Promise<void> {
  const signal = interruptSignal();
  const log = new LogInspector(inspectionFiles(), directory);
  const from = Math.max(options.fromOffset, log.logStartOffset());
  const out = new Output();
  const cursor = new RecordCursor();
  try {
    for await (const { scan } of log.batches(from)) {
      signal.throwIfAborted();
      if (baseOffset(scan.view, scan.at) >= options.toOffset) break;
      if (isControl(scan.view, scan.at)) continue;
      cursor.reset(scan.buffer, scan.view, scan.at);
      while (cursor.next() && cursor.offset < options.toOffset) {
        if (cursor.offset < from) continue;
        if (options.json) {
          out.text(`${JSON.stringify(recordToJson(cursor.record()))}\n`);
        } else {
          if (cursor.valueStart >= 0) out.copy(cursor.buffer, cursor.valueStart, cursor.valueEnd);
          out.copy(NEWLINE, 0, 1);
        }
      }
      if (out.isFull) await out.flush();
    }
  } finally {
    await out.flush();
  }
}
