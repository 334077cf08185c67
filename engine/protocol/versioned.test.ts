import { expect, it } from 'vitest';
import {
  ConsumerProtocolSubscription,
  CooperativeStickyAssignorUserData,
  StickyAssignorUserData,
} from './messages/consumer-protocol.js';
import { GroupMetadataKey, OffsetCommitKey } from './messages/offsets-topic.js';
import {
  decodeUnversioned,
  decodeVersioned,
  encodeUnversioned,
  encodeVersioned,
  versionOf,
} from './versioned.js';

const subscription = {
  topics: ['a', 'b'],
  userData: Buffer.from('u'),
  ownedPartitions: [{ topic: 'a', partitions: [0, 2] }],
  generationId: 4,
  rackId: 'r1',
};

it('a subscription of a newer version is read as the newest known one', () => {
  const bytes = Buffer.concat([
    encodeVersioned(ConsumerProtocolSubscription, 3, subscription),
    Buffer.from('whatever version 9 adds'),
  ]);
  bytes.writeInt16BE(9, 0);
  expect(decodeVersioned(ConsumerProtocolSubscription, bytes, 'as-highest')).toEqual({
    version: 9,
    value: subscription,
  });
  expect(() => decodeVersioned(ConsumerProtocolSubscription, bytes)).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED_VERSION' }),
  );
});

it('an old subscription has defaults for what it lacks', () => {
  const bytes = encodeVersioned(ConsumerProtocolSubscription, 0, subscription);
  expect(decodeVersioned(ConsumerProtocolSubscription, bytes)).toEqual({
    version: 0,
    value: {
      topics: ['a', 'b'],
      userData: Buffer.from('u'),
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
    },
  });
});

it('a negative version is refused', () => {
  expect(() =>
    decodeVersioned(ConsumerProtocolSubscription, Buffer.from('ffff', 'hex'), 'as-highest'),
  ).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_VERSION' }));
});

it('the keys of __consumer_offsets tell their kind by their version', () => {
  const offset = encodeVersioned(OffsetCommitKey, 1, { group: 'g', topic: 't', partition: 3 });
  const group = encodeVersioned(GroupMetadataKey, 2, { group: 'g' });
  expect([versionOf(offset), versionOf(group)]).toEqual([1, 2]);
  expect(group.toString('hex')).toBe('0002000167');
});

it('user data of the sticky assignors has no version in front', () => {
  const previousAssignment = [{ topic: 't', partitions: [1] }];
  const sticky = encodeUnversioned(StickyAssignorUserData, 1, {
    previousAssignment,
    generation: 7,
  });
  expect(sticky.toString('hex')).toBe('00000001000174000000010000000100000007');
  expect(decodeUnversioned(StickyAssignorUserData, 1, sticky).generation).toBe(7);
  expect(() => decodeUnversioned(StickyAssignorUserData, 1, sticky.subarray(0, -4))).toThrow(
    expect.objectContaining({ code: 'INVALID_REQUEST' }),
  );
  const cooperative = encodeUnversioned(CooperativeStickyAssignorUserData, 0, { generation: 7 });
  expect(cooperative.toString('hex')).toBe('00000007');
});
