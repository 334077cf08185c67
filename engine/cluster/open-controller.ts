import { randomInt } from 'node:crypto';
import type { BrokerConfig } from '../broker/broker-config.js';
import type { FileSystem } from '../io/port.js';
import { systemTimers, type Timers } from '../timers.js';
import { controllerConfig } from './cluster-settings.js';
import { Controller, type ControllerEvent } from './controller.js';
import { PartitionMetadataLog } from './metadata-log.js';
import { validateSettings } from './settings-validator.js';

export interface OpenControllerOptions {
  readonly directory: string;
  readonly fs: FileSystem;
  readonly config: BrokerConfig;
  readonly timers?: Timers;
  /** Of a cluster that begins here. Default: a random id. */
  readonly clusterId?: string;
  readonly onEvent?: (event: ControllerEvent) => void;
}

const RANDOM_STEPS = 2 ** 32;

/** A controller on its directory, before any broker runs. Fails with DIRECTORY_LOCKED, CORRUPT_MESSAGE, DISK_FULL. */
export async function openController(options: OpenControllerOptions): Promise<Controller> {
  const { clusterId, directory, fs, config, timers = systemTimers, onEvent } = options;
  const log = await PartitionMetadataLog.open({ directory, fs });
  try {
    return await Controller.open({
      log,
      clock: fs.clock,
      timers,
      config: controllerConfig(config),
      validateConfig: validateSettings,
      random: () => randomInt(RANDOM_STEPS) / RANDOM_STEPS,
      isColdStart: true,
      ...(clusterId !== undefined && { clusterId }),
      ...(onEvent && { onEvent }),
    });
  } catch (error) {
    await log.close();
    throw error;
  }
}
