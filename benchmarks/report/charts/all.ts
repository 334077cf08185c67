import type { Chart, ChartId } from './chart.js';
import { heat } from './heat.js';
import { scaling } from './scaling.js';

/** In the order of the page. */
export const CHARTS: readonly Chart[] = [heat, scaling];

export function chartOf(id: ChartId): Chart {
  const chart = CHARTS.find((each) => each.id === id);
  if (chart === undefined) throw new RangeError(`no chart is called ${id}`);
  return chart;
}
