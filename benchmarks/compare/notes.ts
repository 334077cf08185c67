import type { KnobName } from '../model/knobs.js';
import type { CalibrationInfo, RunResult } from '../model/result.js';
import { percentText, ratioText } from '../model/text.js';
import { median } from '../stats.js';

/** What of the machine says how fast processors and memory were. Disks are another matter, and noisier. */
const SPEEDS = [
  'memcpy64KiBBytesPerSecond',
  'crc32c64KiBBytesPerSecond',
  'loopbackBytesPerSecond',
] as const satisfies readonly (keyof CalibrationInfo)[];

/** How much faster the machine was in B than in A, as a logarithm: the median of its speeds. null: not calibrated. */
export function machineShiftOf(a: RunResult, b: RunResult): number | null {
  const shifts = SPEEDS.flatMap((speed) => {
    const inA = speedOf(a, speed);
    const inB = speedOf(b, speed);
    return inA === null || inB === null ? [] : [Math.log(inB / inA)];
  });
  return shifts.length === 0 ? null : median(shifts);
}

function speedOf({ calibration }: RunResult, speed: keyof CalibrationInfo): number | null {
  const known = [calibration.before, calibration.after].flatMap((one) =>
    one === null || !(one[speed] > 0) ? [] : [Math.log(one[speed])],
  );
  return known.length === 0
    ? null
    : Math.exp(known.reduce((sum, log) => sum + log, 0) / known.length);
}

/** From here on a different machine's speed is worth a note. */
const SHIFT_NOTED = 0.05;

/** What differs besides what is compared, so that nobody takes one for the other. */
export function notesOf(
  a: RunResult,
  b: RunResult,
  { isPaired, without }: { readonly isPaired: boolean; readonly without: readonly KnobName[] },
): string[] {
  const notes: string[] = [];
  if (without.length > 0) notes.push(`compared across ${without.join(', ')}`);
  for (const [what, of] of ENVIRONMENT) {
    const [inA, inB] = [of(a), of(b)];
    if (inA !== inB) notes.push(`${what}: A ${inA ?? 'unknown'}, B ${inB ?? 'unknown'}`);
  }
  for (const [what, of] of PLAN) {
    const [inA, inB] = [of(a), of(b)];
    if (inA !== inB) notes.push(`${what}: A ${inA}, B ${inB}`);
  }
  notes.push(...settingsNotes(a, b));
  for (const [side, { calibration, status, statusReason }] of [
    ['A', a],
    ['B', b],
  ] as const) {
    if (calibration.noise.verdict === 'noisy')
      notes.push(`${side} ran on a noisy machine: ${calibration.noise.text}`);
    if (status !== 'complete')
      notes.push(`${side} is ${status}${statusReason === null ? '' : `: ${statusReason}`}`);
  }
  const shift = isPaired ? 0 : machineShiftOf(a, b);
  if (shift === null)
    notes.push('A or B has no calibration: whether the machine was the same is not known');
  else if (Math.abs(shift) >= SHIFT_NOTED)
    notes.push(
      `the machine itself was ${ratioText(Math.exp(shift))} as fast in B as in A (memory, checksums, loopback): differences up to ${percentText(Math.abs(Math.expm1(shift)))} mean little`,
    );
  return notes;
}

const ENVIRONMENT: readonly (readonly [string, (run: RunResult) => string | number | null])[] = [
  ['processor', ({ environment }) => environment.cpuModel.trim()],
  ['cores', ({ environment }) => environment.cores],
  ['memory, GiB', ({ environment }) => Math.round(environment.memoryBytes / 2 ** 30)],
  ['kernel', ({ environment }) => environment.kernel],
  ['file system', ({ environment }) => environment.fileSystem],
  ['Node', ({ environment }) => environment.nodeVersion],
  ['varve', ({ environment }) => environment.varveVersion],
  ['commit', ({ environment }) => commitOf(environment)],
];

function commitOf({ gitCommit, gitDirty }: RunResult['environment']): string | null {
  return gitCommit === null
    ? null
    : `${gitCommit.slice(0, 10)}${gitDirty === true ? ' with changes' : ''}`;
}

const PLAN: readonly (readonly [string, (run: RunResult) => string | number])[] = [
  ['payload', ({ plan }) => plan.payload],
  ['measured seconds', ({ plan }) => plan.measureSeconds],
  ['warm-up seconds', ({ plan }) => plan.warmupSeconds],
  ['repeats', ({ plan }) => plan.repeats],
];

function settingsNotes(a: RunResult, b: RunResult): string[] {
  return a.targets.flatMap((inA) => {
    const inB = b.targets.find(({ name }) => name === inA.name);
    if (inB === undefined) return [];
    const notes: string[] = [];
    if (inA.software !== inB.software)
      notes.push(`${inA.name}: A ${inA.software}, B ${inB.software}`);
    const names = new Set([...Object.keys(inA.settings), ...Object.keys(inB.settings)]);
    for (const name of names) {
      const [left, right] = [inA.settings[name], inB.settings[name]];
      if (left !== right)
        notes.push(
          `${inA.name} ${name}: A ${left === undefined ? 'not set' : left}, B ${right === undefined ? 'not set' : right}`,
        );
    }
    return notes;
  });
}
