import type { Cell } from '../model/knobs.js';
import type { CellRun, RunResult } from '../model/result.js';

/** What a run tells those who watch it: the terminal, the local page. In order; `finished` is the last. */
export type RunEvent =
  | {
      readonly type: 'begun';
      readonly name: string;
      /** Runs of cells, repeats included. */
      readonly runs: number;
      readonly cells: readonly { readonly id: string; readonly label: string }[];
      readonly estimateSeconds: number;
    }
  /** Between cells: calibrating, starting three brokers. */
  | { readonly type: 'doing'; readonly text: string }
  | {
      readonly type: 'cell';
      readonly at: number;
      readonly id: string;
      readonly label: string;
      readonly cell: Cell;
      readonly repeat: number;
      readonly remainingSeconds: number;
    }
  /** While load is on, four times a second. */
  | {
      readonly type: 'live';
      readonly id: string;
      readonly phase: 'warm-up' | 'measuring';
      readonly elapsedSeconds: number;
      readonly producedRecordsPerSecond: number;
      readonly producedBytesPerSecond: number;
      readonly consumedRecordsPerSecond: number;
      readonly p50Us: number | null;
      readonly p99Us: number | null;
    }
  | { readonly type: 'measured'; readonly id: string; readonly run: CellRun }
  | {
      readonly type: 'failed';
      readonly id: string;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: 'finished'; readonly result: RunResult; readonly path: string | null };

export type OnRunEvent = (event: RunEvent) => void;
