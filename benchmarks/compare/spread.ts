import { digamma, trigamma, trigammaInverse } from './distributions.js';

/** A variance of one cell and the degrees of freedom that it comes from. */
export interface Variance {
  readonly variance: number;
  readonly freedom: number;
}

/** Equal values happen with coarse clocks; no run is more exact than a thousandth. */
export const LEAST_VARIANCE = 0.001 ** 2;
/** Of fewer cells nobody can say how much their spreads differ. */
const FEWEST_CELLS = 4;
/** The common spread must be known as well as the cell's own to be of help. */
const ALIKE = 1;

/**
 * The spread of each cell, helped by that of all others: three runs know their own spread badly, and the spreads of
 * cells measured in one run are alike. How much each is drawn to the common one follows from how much they differ
 * (Smyth's moderated variance, 2004): cells that are all alike share all degrees of freedom; a noisy one keeps its own.
 */
export function moderated(own: readonly Variance[]): Variance[] {
  const known = own
    .filter(({ freedom }) => freedom > 0)
    .map(({ variance, freedom }) => ({ variance: Math.max(variance, LEAST_VARIANCE), freedom }));
  const prior = priorOf(known);
  const all = known.reduce((sum, { freedom }) => sum + freedom, 0);
  return own.map(({ variance, freedom }) => {
    const floored = Math.max(variance, LEAST_VARIANCE);
    if (prior === null) return { variance: floored, freedom };
    // Spreads that differ so much are not of one kind: a noisy cell that looked quiet would be taken for a quiet one.
    if (prior.freedom < ALIKE * freedom) return { variance: floored, freedom };
    if (prior.freedom === Number.POSITIVE_INFINITY)
      return { variance: prior.variance, freedom: all };
    return {
      // No cell is taken for quieter than it looked.
      variance: Math.max(
        floored,
        (prior.freedom * prior.variance + freedom * floored) / (prior.freedom + freedom),
      ),
      // No more than there is in all cells together.
      freedom: Math.min(prior.freedom + freedom, all),
    };
  });
}

function priorOf(known: readonly Variance[]): Variance | null {
  if (known.length < FEWEST_CELLS) return null;
  const logs = known.map(
    ({ variance, freedom }) => Math.log(variance) - digamma(freedom / 2) + Math.log(freedom / 2),
  );
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const between =
    logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1) -
    known.reduce((sum, { freedom }) => sum + trigamma(freedom / 2), 0) / known.length;
  if (between <= 0) {
    const all = known.reduce((sum, { freedom }) => sum + freedom, 0);
    const pooled = known.reduce((sum, { variance, freedom }) => sum + variance * freedom, 0) / all;
    return { variance: pooled, freedom: Number.POSITIVE_INFINITY };
  }
  const freedom = 2 * trigammaInverse(between);
  return { variance: Math.exp(mean + digamma(freedom / 2) - Math.log(freedom / 2)), freedom };
}
