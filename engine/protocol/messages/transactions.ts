import {
  api,
  arrayOf,
  bool,
  type Decoded,
  type Input,
  int8,
  int16,
  int32,
  int64,
  string,
  struct,
} from '../schema.js';

/* Producer ids and transactions. */

export const InitProducerId = api(
  'InitProducerId',
  22,
  { versions: '0-6', flexible: '2+', advertise: '0-5' },
  {
    request: {
      transactionalId: string('0+', { nullable: '0+' }),
      transactionTimeoutMs: int32('0+'),
      producerId: int64('3+', { default: -1 }),
      producerEpoch: int16('3+', { default: -1 }),
      enable2Pc: bool('6+'),
      keepPreparedTxn: bool('6+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      producerId: int64('0+', { default: -1 }),
      producerEpoch: int16('0+'),
      ongoingTxnProducerId: int64('6+', { default: -1 }),
      ongoingTxnProducerEpoch: int16('6+', { default: -1 }),
    },
  },
);
export type InitProducerIdRequest = Decoded<typeof InitProducerId.request.struct>;
export type InitProducerIdRequestInput = Input<typeof InitProducerId.request.struct>;
export type InitProducerIdResponse = Decoded<typeof InitProducerId.response.struct>;
export type InitProducerIdResponseInput = Input<typeof InitProducerId.response.struct>;

export const AddPartitionsToTxnTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', 'int32'),
});
export type AddPartitionsToTxnTopic = Decoded<typeof AddPartitionsToTxnTopic>;
export type AddPartitionsToTxnTopicInput = Input<typeof AddPartitionsToTxnTopic>;

export const AddPartitionsToTxnTransaction = struct({
  transactionalId: string('4+'),
  producerId: int64('4+'),
  producerEpoch: int16('4+'),
  verifyOnly: bool('4+'),
  topics: arrayOf('4+', AddPartitionsToTxnTopic),
});
export type AddPartitionsToTxnTransaction = Decoded<typeof AddPartitionsToTxnTransaction>;
export type AddPartitionsToTxnTransactionInput = Input<typeof AddPartitionsToTxnTransaction>;

export const AddPartitionsToTxnPartitionResult = struct({
  partitionIndex: int32('0+'),
  partitionErrorCode: int16('0+'),
});
export type AddPartitionsToTxnPartitionResult = Decoded<typeof AddPartitionsToTxnPartitionResult>;
export type AddPartitionsToTxnPartitionResultInput = Input<
  typeof AddPartitionsToTxnPartitionResult
>;

export const AddPartitionsToTxnTopicResult = struct({
  name: string('0+'),
  resultsByPartition: arrayOf('0+', AddPartitionsToTxnPartitionResult),
});
export type AddPartitionsToTxnTopicResult = Decoded<typeof AddPartitionsToTxnTopicResult>;
export type AddPartitionsToTxnTopicResultInput = Input<typeof AddPartitionsToTxnTopicResult>;

export const AddPartitionsToTxnResult = struct({
  transactionalId: string('4+'),
  topicResults: arrayOf('4+', AddPartitionsToTxnTopicResult),
});
export type AddPartitionsToTxnResult = Decoded<typeof AddPartitionsToTxnResult>;
export type AddPartitionsToTxnResultInput = Input<typeof AddPartitionsToTxnResult>;

export const AddPartitionsToTxn = api(
  'AddPartitionsToTxn',
  24,
  { versions: '0-5', flexible: '3+' },
  {
    request: {
      transactions: arrayOf('4+', AddPartitionsToTxnTransaction),
      v3AndBelowTransactionalId: string('0-3'),
      v3AndBelowProducerId: int64('0-3'),
      v3AndBelowProducerEpoch: int16('0-3'),
      v3AndBelowTopics: arrayOf('0-3', AddPartitionsToTxnTopic),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('4+'),
      resultsByTransaction: arrayOf('4+', AddPartitionsToTxnResult),
      resultsByTopicV3AndBelow: arrayOf('0-3', AddPartitionsToTxnTopicResult),
    },
  },
);
export type AddPartitionsToTxnRequest = Decoded<typeof AddPartitionsToTxn.request.struct>;
export type AddPartitionsToTxnRequestInput = Input<typeof AddPartitionsToTxn.request.struct>;
export type AddPartitionsToTxnResponse = Decoded<typeof AddPartitionsToTxn.response.struct>;
export type AddPartitionsToTxnResponseInput = Input<typeof AddPartitionsToTxn.response.struct>;

export const AddOffsetsToTxn = api(
  'AddOffsetsToTxn',
  25,
  { versions: '0-4', flexible: '3+' },
  {
    request: {
      transactionalId: string('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      groupId: string('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
    },
  },
);
export type AddOffsetsToTxnRequest = Decoded<typeof AddOffsetsToTxn.request.struct>;
export type AddOffsetsToTxnRequestInput = Input<typeof AddOffsetsToTxn.request.struct>;
export type AddOffsetsToTxnResponse = Decoded<typeof AddOffsetsToTxn.response.struct>;
export type AddOffsetsToTxnResponseInput = Input<typeof AddOffsetsToTxn.response.struct>;

export const EndTxn = api(
  'EndTxn',
  26,
  { versions: '0-5', flexible: '3+' },
  {
    request: {
      transactionalId: string('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      committed: bool('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      producerId: int64('5+', { default: -1 }),
      producerEpoch: int16('5+', { default: -1 }),
    },
  },
);
export type EndTxnRequest = Decoded<typeof EndTxn.request.struct>;
export type EndTxnRequestInput = Input<typeof EndTxn.request.struct>;
export type EndTxnResponse = Decoded<typeof EndTxn.response.struct>;
export type EndTxnResponseInput = Input<typeof EndTxn.response.struct>;

export const TxnOffsetCommitRequestPartition = struct({
  partitionIndex: int32('0+'),
  committedOffset: int64('0+'),
  committedLeaderEpoch: int32('2+', { default: -1 }),
  committedMetadata: string('0+', { nullable: '0+' }),
});
export type TxnOffsetCommitRequestPartition = Decoded<typeof TxnOffsetCommitRequestPartition>;
export type TxnOffsetCommitRequestPartitionInput = Input<typeof TxnOffsetCommitRequestPartition>;

export const TxnOffsetCommitRequestTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', TxnOffsetCommitRequestPartition),
});
export type TxnOffsetCommitRequestTopic = Decoded<typeof TxnOffsetCommitRequestTopic>;
export type TxnOffsetCommitRequestTopicInput = Input<typeof TxnOffsetCommitRequestTopic>;

export const TxnOffsetCommitResponsePartition = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
});
export type TxnOffsetCommitResponsePartition = Decoded<typeof TxnOffsetCommitResponsePartition>;
export type TxnOffsetCommitResponsePartitionInput = Input<typeof TxnOffsetCommitResponsePartition>;

export const TxnOffsetCommitResponseTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', TxnOffsetCommitResponsePartition),
});
export type TxnOffsetCommitResponseTopic = Decoded<typeof TxnOffsetCommitResponseTopic>;
export type TxnOffsetCommitResponseTopicInput = Input<typeof TxnOffsetCommitResponseTopic>;

export const TxnOffsetCommit = api(
  'TxnOffsetCommit',
  28,
  { versions: '0-5', flexible: '3+' },
  {
    request: {
      transactionalId: string('0+'),
      groupId: string('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      generationId: int32('3+', { default: -1 }),
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      topics: arrayOf('0+', TxnOffsetCommitRequestTopic),
    },
    response: {
      throttleTimeMs: int32('0+'),
      topics: arrayOf('0+', TxnOffsetCommitResponseTopic),
    },
  },
);
export type TxnOffsetCommitRequest = Decoded<typeof TxnOffsetCommit.request.struct>;
export type TxnOffsetCommitRequestInput = Input<typeof TxnOffsetCommit.request.struct>;
export type TxnOffsetCommitResponse = Decoded<typeof TxnOffsetCommit.response.struct>;
export type TxnOffsetCommitResponseInput = Input<typeof TxnOffsetCommit.response.struct>;

export const WritableTxnMarkerTopic = struct({
  name: string('0+'),
  partitionIndexes: arrayOf('0+', 'int32'),
});
export type WritableTxnMarkerTopic = Decoded<typeof WritableTxnMarkerTopic>;
export type WritableTxnMarkerTopicInput = Input<typeof WritableTxnMarkerTopic>;

export const WritableTxnMarker = struct({
  producerId: int64('0+'),
  producerEpoch: int16('0+'),
  transactionResult: bool('0+'),
  topics: arrayOf('0+', WritableTxnMarkerTopic),
  coordinatorEpoch: int32('0+'),
  transactionVersion: int8('2+'),
});
export type WritableTxnMarker = Decoded<typeof WritableTxnMarker>;
export type WritableTxnMarkerInput = Input<typeof WritableTxnMarker>;

export const WritableTxnMarkerPartitionResult = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
});
export type WritableTxnMarkerPartitionResult = Decoded<typeof WritableTxnMarkerPartitionResult>;
export type WritableTxnMarkerPartitionResultInput = Input<typeof WritableTxnMarkerPartitionResult>;

export const WritableTxnMarkerTopicResult = struct({
  name: string('0+'),
  partitions: arrayOf('0+', WritableTxnMarkerPartitionResult),
});
export type WritableTxnMarkerTopicResult = Decoded<typeof WritableTxnMarkerTopicResult>;
export type WritableTxnMarkerTopicResultInput = Input<typeof WritableTxnMarkerTopicResult>;

export const WritableTxnMarkerResult = struct({
  producerId: int64('0+'),
  topics: arrayOf('0+', WritableTxnMarkerTopicResult),
});
export type WritableTxnMarkerResult = Decoded<typeof WritableTxnMarkerResult>;
export type WritableTxnMarkerResultInput = Input<typeof WritableTxnMarkerResult>;

export const WriteTxnMarkers = api(
  'WriteTxnMarkers',
  27,
  { versions: '1-2', flexible: '1+' },
  {
    request: {
      markers: arrayOf('0+', WritableTxnMarker),
    },
    response: {
      markers: arrayOf('0+', WritableTxnMarkerResult),
    },
  },
);
export type WriteTxnMarkersRequest = Decoded<typeof WriteTxnMarkers.request.struct>;
export type WriteTxnMarkersRequestInput = Input<typeof WriteTxnMarkers.request.struct>;
export type WriteTxnMarkersResponse = Decoded<typeof WriteTxnMarkers.response.struct>;
export type WriteTxnMarkersResponseInput = Input<typeof WriteTxnMarkers.response.struct>;
