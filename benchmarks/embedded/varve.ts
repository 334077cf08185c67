/** What the suite uses of varve: the only file outside `micro/` that knows where it comes from. */
export { BatchProblem, checkBatch, describeProblem } from '../../engine/format/batch-check.js';
export { sizeInBytes } from '../../engine/format/batch-header.js';
export { RecordCursor } from '../../engine/format/batch-reader.js';
export {
  type FileSystem,
  openFileSystem,
  PartitionLog,
  type RecordInput,
} from '../../engine/index.js';
export { DataDirectory } from '../../engine/topics/data-directory.js';
