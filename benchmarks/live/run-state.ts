import type { LiveMessage, MeasuredFigures } from './message.js';

/** Where a run is, from its messages: what the terminal and the page both show. */
export interface RunState {
  readonly name: string;
  readonly runs: number;
  /** Runs of cells that are over, failed ones included. */
  readonly done: number;
  readonly doing: string;
  readonly current: CurrentRun | null;
  /** null: nobody knows yet. */
  readonly remainingSeconds: number | null;
  readonly measured: readonly MeasuredRun[];
  readonly failures: readonly { readonly label: string; readonly message: string }[];
  readonly finished: Extract<LiveMessage, { readonly type: 'finished' }> | null;
}

export interface CurrentRun {
  readonly id: string;
  readonly label: string;
  readonly repeat: number;
  /** Of the load so far, four times a second. */
  readonly samples: readonly Sample[];
}

export type Sample = Extract<LiveMessage, { readonly type: 'live' }>;

export interface MeasuredRun extends MeasuredFigures {
  readonly label: string;
  readonly repeat: number;
}

export const NOTHING_YET: RunState = {
  name: '',
  runs: 0,
  done: 0,
  doing: '',
  current: null,
  remainingSeconds: null,
  measured: [],
  failures: [],
  finished: null,
};

export function nextState(state: RunState, message: LiveMessage): RunState {
  switch (message.type) {
    case 'begun':
      return {
        ...NOTHING_YET,
        name: message.name,
        runs: message.runs,
        remainingSeconds: message.estimateSeconds,
      };
    case 'doing':
      return { ...state, doing: message.text };
    case 'cell': {
      const { id, label, repeat, at, remainingSeconds } = message;
      const current = { id, label, repeat, samples: [] };
      return { ...state, done: at, doing: '', current, remainingSeconds };
    }
    case 'live': {
      const { current } = state;
      if (current === null || current.id !== message.id) return state;
      return { ...state, current: { ...current, samples: [...current.samples, message] } };
    }
    case 'measured': {
      const { type: _type, id, ...figures } = message;
      const run = { ...figures, label: labelOf(state, id), repeat: state.current?.repeat ?? 0 };
      return { ...state, done: state.done + 1, measured: [...state.measured, run] };
    }
    case 'failed': {
      const failure = {
        label: labelOf(state, message.id),
        message: `${message.message} [${message.code}]`,
      };
      return { ...state, done: state.done + 1, failures: [...state.failures, failure] };
    }
    case 'finished':
      return { ...state, current: null, doing: '', remainingSeconds: null, finished: message };
  }
}

function labelOf({ current }: RunState, id: string): string {
  return current?.id === id ? current.label : id;
}
