import { BenchError } from '../benchmarks/model/bench-error.js';
import type { Cell } from '../benchmarks/model/knobs.js';
import { type Axes, cellsOf, parseKnobWords, refusalOf } from '../benchmarks/model/matrix.js';
import { presetNames, readPreset } from '../benchmarks/model/suite-file.js';
import { findTarget } from '../benchmarks/targets/index.js';

const TARGETS: readonly string[] = ['engine', 'cluster'];

/**
 * One cell from words: a target or a preset (of which the first cell that fits is taken), and knobs.
 * `engine partitions=4`, `durability flush=batch`, `acks=1`.
 * @throws BenchError INVALID_KNOB, INVALID_SUITE with what there is.
 */
export function cellOfWords(words: readonly string[]): Cell {
  const [first = '', ...rest] = words;
  const isNamed = !first.includes('=');
  const axes = parseKnobWords(isNamed ? rest : words);
  const cells = cellsOf(matricesOf(isNamed ? first : '', axes));
  const [cell] = cells;
  if (cell === undefined) throw new BenchError('INVALID_KNOB', 'no cell is like that');
  if (!TARGETS.includes(cell.target)) {
    throw new BenchError(
      'INVALID_KNOB',
      `target is ${cell.target}: only a process of this machine that varve starts can be profiled, engine or cluster`,
    );
  }
  if (cell.experiment !== 'load') {
    throw new BenchError(
      'INVALID_KNOB',
      `experiment is ${cell.experiment}: a process that is killed writes no profile; take load`,
    );
  }
  if (typeof cell.rate === 'string' && cell.rate !== 'max') {
    throw new BenchError(
      'INVALID_KNOB',
      `rate is ${cell.rate}, of a maximum that nobody measured here: give max, or bytes a second`,
    );
  }
  const target = findTarget(cell.target);
  const refusal = refusalOf(cell) ?? target.refusal(cell);
  if (refusal !== null) throw new BenchError('INVALID_KNOB', refusal);
  return target.normal(cell);
}

function matricesOf(name: string, axes: Axes): Axes[] {
  const several = Object.entries(axes).find(([, values]) => values.length > 1);
  if (several !== undefined) {
    throw new BenchError(
      'INVALID_KNOB',
      `${several[0]} has ${several[1].length} values: a profile is of one cell`,
    );
  }
  if (name === '') return [axes];
  if (TARGETS.includes(name)) return [{ target: [name], ...axes }];
  if (!presetNames().includes(name)) {
    throw new BenchError(
      'INVALID_KNOB',
      `${JSON.stringify(name)} is no target (${TARGETS.join(', ')}), no preset (${presetNames().join(', ')}) and no knob=value`,
    );
  }
  return readPreset(name).matrices.map((matrix) => ({ ...matrix, ...axes }));
}
