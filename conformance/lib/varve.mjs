// The engine as built (`npm run build`), and the parts of it that make a coordinator's control batches.
export {
  BatchOptions,
  MARKER_BATCH_BYTES,
  writeControlBatch,
} from '../../dist/engine/format/batch-writer.js';
export { openFileSystem, PartitionLog } from '../../dist/engine/index.js';
