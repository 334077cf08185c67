import type { Load } from './load.js';
import type { LoadPlan } from './plan.js';

/** Resolves when everything is connected and made ahead. @throws BenchError */
export async function openLoad(plan: LoadPlan): Promise<Load> {
  if (plan.role === 'producer') {
    const { ProducerLoad } = await import('./producer-load.js');
    return ProducerLoad.open(plan);
  }
  const { ConsumerLoad } = await import('./consumer-load.js');
  return ConsumerLoad.open(plan);
}
