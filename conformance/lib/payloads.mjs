// Payloads that are the same in every run.

/** Creation times are fixed, so that only what a broker decides differs between two runs. */
export const START = Date.UTC(2024, 0, 1);

/** mulberry32: a small seeded generator, so that every run makes the same payloads. */
export function random(/** @type {number} */ seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function noise(/** @type {number} */ seed, /** @type {number} */ bytes) {
  const next = random(seed);
  return Buffer.from(Array.from({ length: bytes }, () => Math.floor(next() * 256)));
}

export function line(/** @type {number} */ i) {
  return `10.0.${i % 7}.${i % 251} - - [01/Jan/2024:00:00:${i % 60} +0000] "GET /varve/${i % 13} HTTP/1.1" 200 ${i * 37}`;
}

/**
 * Records `from` to `to`, a second apart, over ten keys.
 * @returns {{ key: string, value: string, timestamp: number }[]}
 */
export function lines(/** @type {number} */ from, /** @type {number} */ to) {
  return Array.from({ length: to - from }, (_, n) => {
    const i = from + n;
    return { key: `k${i % 10}`, value: line(i), timestamp: START + i * 1000 };
  });
}
