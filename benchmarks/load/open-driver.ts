import { BenchError } from '../model/bench-error.js';
import type { Driver } from './driver.js';
import type { LoadPlan } from './plan.js';

/** Each driver is loaded when it is asked for: none pays for the others. @throws BenchError */
export async function openDriver(plan: LoadPlan): Promise<Driver> {
  const { connection } = plan;
  switch (connection.kind) {
    case 'brokers':
      return openClient(plan);
    case 'simulated':
      return new (await import('./simulated-driver.js')).SimulatedDriver(plan, connection);
    case 'engine':
      return (await import('./engine-driver.js')).EngineDriver.open(plan, connection);
  }
}

async function openClient(plan: LoadPlan): Promise<Driver> {
  const { client } = plan.cell;
  switch (client) {
    case 'ready':
      return (await import('./ready-driver.js')).ReadyDriver.open(plan);
    default:
      throw new BenchError('CLIENT_MISSING', `no load for client ${client} yet`);
  }
}
