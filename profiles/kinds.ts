/** What can be asked of a profile, and who can answer it. */
export const KINDS = ['flame', 'doctor', 'bubbleprof', 'heap'] as const;
export type ProfileKind = (typeof KINDS)[number];

/** `clinic`: clinic.js's page over what it (or 0x) collected. `node`: Node's own profilers, and pages of this folder. */
export const TOOLS = ['clinic', 'node'] as const;
export type Tool = (typeof TOOLS)[number];

export const WHAT_IT_SHOWS: Readonly<Record<ProfileKind, string>> = {
  flame: 'where CPU time goes, function by function',
  doctor: 'event-loop delay, garbage collection, CPU and memory over time',
  bubbleprof: 'what asynchronous operations there are, who starts them and how long they wait',
  heap: 'who allocates memory',
};

/**
 * Releases of Node on which clinic 13.0.0's tools were run over a program whose hot functions, allocations and
 * asynchronous operations were known, and what came out of it (README.md has the figures). Clinic is unmaintained:
 * nothing says that it works on a release that is not here, so there Node's own profilers are used.
 */
const TRIED: Readonly<Record<ProfileKind, ReadonlyMap<number, string | null>>> = {
  flame: new Map([
    [20, null],
    [24, null],
  ]),
  doctor: new Map([
    [20, null],
    [24, null],
  ]),
  bubbleprof: new Map([
    [20, null],
    [24, null],
  ]),
  heap: new Map([
    [20, null],
    [24, null],
  ]),
};

/** Why clinic's tool cannot be trusted on this Node, or null. */
export function clinicProblem(kind: ProfileKind, nodeVersion: string): string | null {
  const major = Number(/^v?(\d+)\./.exec(nodeVersion)?.[1]);
  const found = TRIED[kind].get(major);
  if (found === undefined) return `clinic's ${kind} was never tried on Node ${nodeVersion}`;
  return found;
}
