import { join } from 'node:path';
import { VarveError } from '../errors.js';
import type { FileSystem } from '../io/port.js';
import { isObject } from './shapes.js';

/** The ports a cluster's brokers had, so that clients find them again after a restart. */
const CLUSTER_FILE = 'cluster.json';
const MAX_BYTES = 64 * 1024;
const VERSION = 1;

export type BrokerPorts = ReadonlyMap<number, number>;

/** Empty when there is no such file. @throws VarveError CORRUPT_CHECKPOINT */
export function readClusterFile(fs: FileSystem, directory: string): BrokerPorts {
  const path = join(directory, CLUSTER_FILE);
  if (fs.stat(path) === null) return new Map();
  const text = fs.readFile(path, { maxBytes: MAX_BYTES }).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt(path, 'it is not JSON', cause);
  }
  if (!isObject(value) || value.version !== VERSION || !isObject(value.ports)) {
    throw corrupt(path, `it is not a cluster file of version ${VERSION}`);
  }
  const ports = new Map<number, number>();
  for (const [id, port] of Object.entries(value.ports)) {
    const isFine = /^\d{1,9}$/.test(id) && Number.isInteger(port) && isPort(Number(port));
    if (!isFine) throw corrupt(path, `broker ${id} has port ${JSON.stringify(port)}`);
    ports.set(Number(id), Number(port));
  }
  return ports;
}

export async function writeClusterFile(
  fs: FileSystem,
  directory: string,
  ports: BrokerPorts,
): Promise<void> {
  const value = { version: VERSION, ports: Object.fromEntries(ports) };
  await fs.writeFileAtomic(
    join(directory, CLUSTER_FILE),
    Buffer.from(`${JSON.stringify(value, null, 2)}\n`),
  );
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function corrupt(path: string, why: string, cause?: unknown): VarveError {
  return new VarveError(
    'CORRUPT_CHECKPOINT',
    `${path} cannot be read: ${why}; without it brokers get new ports`,
    { cause, details: { path } },
  );
}
