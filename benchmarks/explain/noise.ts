import type { Random } from '../random.js';

/** A standard normal deviate (Box and Muller), for simulated runs. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Student's t with few degrees of freedom: mostly small, sometimes far out, scaled to about the spread of `normal`. */
export function heavyTailed(random: Random, freedom = 3): number {
  let squares = 0;
  for (let at = 0; at < freedom; at++) squares += normal(random) ** 2;
  return normal(random) / Math.sqrt(squares / freedom) / Math.sqrt(freedom / (freedom - 2));
}
