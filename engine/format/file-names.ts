/** Every name Kafka gives to what is in a data directory. */
export { CLEAN_SHUTDOWN_FILE } from './clean-shutdown.js';
export { LEADER_EPOCH_CHECKPOINT_FILE } from './leader-epoch-checkpoint.js';
export { META_PROPERTIES_FILE } from './meta-properties.js';
export {
  CLEANER_OFFSET_CHECKPOINT_FILE,
  HIGH_WATERMARK_CHECKPOINT_FILE,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from './offset-checkpoint.js';
export * from './partition-directory-name.js';
export { PARTITION_METADATA_FILE } from './partition-metadata.js';
export * from './segment-file-name.js';
export * from './topic-name.js';
