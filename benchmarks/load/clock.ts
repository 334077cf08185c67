/** Nanoseconds on CLOCK_MONOTONIC, the same in every process of a machine: `process.hrtime`, without its array. */
export function nowNs(): number {
  return ORIGIN_NS + performance.now() * NS_PER_MS;
}

export const NS_PER_MS = 1e6;
export const NS_PER_SECOND = 1e9;

/** Where `performance.now` counts from. The two clocks are read one after the other; the closest pair counts. */
const ORIGIN_NS = ((): number => {
  let closestNs = Number.POSITIVE_INFINITY;
  let originNs = 0;
  for (let attempt = 0; attempt < 20; attempt++) {
    const before = performance.now();
    const hrtimeNs = Number(process.hrtime.bigint());
    const after = performance.now();
    const apartNs = (after - before) * NS_PER_MS;
    if (apartNs >= closestNs) continue;
    closestNs = apartNs;
    originNs = hrtimeNs - before * NS_PER_MS - apartNs / 2;
  }
  return originNs;
})();
