import { bottleneck } from './bottleneck.js';
import type { Chart, ChartId } from './chart.js';
import { cpu } from './cpu.js';
import { heat } from './heat.js';
import { memory } from './memory.js';
import { percentiles } from './percentiles.js';
import { rate } from './rate.js';
import { scaling } from './scaling.js';
import { timeline } from './timeline.js';

/** In the order of the page. */
export const CHARTS: readonly Chart[] = [
  heat,
  bottleneck,
  scaling,
  percentiles,
  rate,
  cpu,
  memory,
  timeline,
];

export function chartOf(id: ChartId): Chart {
  const chart = CHARTS.find((each) => each.id === id);
  if (chart === undefined) throw new RangeError(`no chart is called ${id}`);
  return chart;
}
