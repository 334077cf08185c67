import type { Driver } from './driver.js';
import type { BrokerConnection, LoadPlan } from './plan.js';

/** Each driver is loaded when it is asked for: none pays for the others. @throws BenchError */
export async function openDriver(plan: LoadPlan): Promise<Driver> {
  const { connection } = plan;
  switch (connection.kind) {
    case 'brokers':
      return openClient(plan, connection);
    case 'simulated':
      return new (await import('./simulated-driver.js')).SimulatedDriver(plan, connection);
    case 'engine':
      return (await import('./engine-driver.js')).EngineDriver.open(plan, connection);
  }
}

async function openClient(plan: LoadPlan, connection: BrokerConnection): Promise<Driver> {
  const { client } = plan.cell;
  switch (client) {
    case 'ready':
      return (await import('./ready-driver.js')).ReadyDriver.open(plan);
    case 'kafkajs':
      return (await import('./kafkajs-driver.js')).KafkaJsDriver.open(plan, connection);
    case 'platformatic':
      return (await import('./platformatic-driver.js')).PlatformaticDriver.open(plan, connection);
    case 'librdkafka':
      return (await import('./librdkafka-driver.js')).LibrdkafkaDriver.open(plan, connection);
  }
}
