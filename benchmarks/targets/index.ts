import type { SimulatedConnection } from '../load/plan.js';
import { clusterTarget, isOtherCluster, otherClusterTarget } from './cluster.js';
import { engineTarget } from './engine.js';
import { localKafkaTarget } from './local-kafka.js';
import { type RemoteKafkaOptions, remoteKafkaTarget } from './remote-kafka.js';
import { simulatedTarget } from './simulated.js';
import { BenchError, type Target } from './target.js';

export interface FindTargetOptions extends RemoteKafkaOptions {
  /** What `simulated` pretends to be. */
  readonly simulated?: SimulatedConnection;
}

const LOCAL: Readonly<Record<string, Target>> = {
  engine: engineTarget,
  cluster: clusterTarget,
  'local-kafka': localKafkaTarget,
};

export const TARGET_NAMES = [...Object.keys(LOCAL), 'cluster@directory', 'kafka://host:port,...'];

/**
 * TLS and SASL are for `kafka://`: those that are started for a run listen on the loopback device only, and have neither.
 * @throws BenchError INVALID_KNOB for a name that there is not, with those there are.
 */
export function findTarget(name: string, options: FindTargetOptions = {}): Target {
  if (name.startsWith('kafka://')) return remoteKafkaTarget(name, options);
  if (name === 'simulated' && options.simulated !== undefined) {
    return simulatedTarget(options.simulated);
  }
  const own = Object.hasOwn(LOCAL, name) ? LOCAL[name] : undefined;
  const target = isOtherCluster(name) ? otherClusterTarget(name) : own;
  if (target === undefined) {
    throw new BenchError(
      'INVALID_KNOB',
      `target is ${JSON.stringify(name)}: there is ${TARGET_NAMES.join(', ')}`,
    );
  }
  if (options.tls || options.sasl) {
    throw new BenchError(
      'INVALID_KNOB',
      `target is ${name}, with TLS or SASL: it listens on the loopback device only and has neither. Take kafka://host:port`,
    );
  }
  return target;
}
