import { cellsOf } from '../../benchmarks/model/matrix.js';
import { presetNames, readPreset } from '../../benchmarks/model/suite-file.js';
import { secondsOf } from '../../benchmarks/run/budget.js';
import { printJson } from '../print-json.js';
import { printTable } from '../table.js';

export function listPresets({ json }: { readonly json?: true }): void {
  const presets = presetNames().map((name) => {
    const suite = readPreset(name);
    const cells = cellsOf(suite.matrices).length;
    return {
      name,
      cells,
      runs: cells * suite.repeats,
      seconds: Math.round(secondsOf(cells, suite)),
      description: suite.description,
    };
  });
  if (json) {
    for (const preset of presets) printJson(preset);
    return;
  }
  printTable(
    ['PRESET', 'CELLS', 'RUNS', 'ABOUT', 'WHAT'],
    presets.map(({ name, cells, runs, seconds, description }) => [
      name,
      cells,
      runs,
      durationText(seconds),
      description,
    ]),
    ['CELLS', 'RUNS', 'ABOUT'],
  );
}

export function durationText(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
