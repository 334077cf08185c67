import { BenchError } from '../model/bench-error.js';
import type { LoadConsumer } from './consumer.js';
import type { LoadPlan } from './plan.js';

/** Each is loaded when it is asked for. @throws BenchError */
export async function openConsumer(plan: LoadPlan): Promise<LoadConsumer> {
  const { client } = plan.cell;
  switch (client) {
    case 'ready':
      return (await import('./ready-consumer.js')).ReadyConsumer.open(plan);
    default:
      throw new BenchError('CLIENT_MISSING', `no consumer for client ${client} yet`);
  }
}
