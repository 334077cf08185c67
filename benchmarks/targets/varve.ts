/** What the suite uses of varve: the only file here that knows where it comes from. */
export { BatchProblem, checkBatch, describeProblem } from '../../engine/format/batch-check.js';
export { sizeInBytes } from '../../engine/format/batch-header.js';
export { RecordCursor } from '../../engine/format/batch-reader.js';
export { type AppendResult, PartitionLog } from '../../engine/log/partition-log.js';
export type { RecordInput } from '../../engine/types.js';
