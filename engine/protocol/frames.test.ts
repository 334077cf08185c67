import { describe, expect, it } from 'vitest';
import { ZERO_UUID } from '../format/uuid.js';
import {
  correlationIdOf,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  MAX_REQUEST_ELEMENTS,
} from './frames.js';
import {
  ADVERTISED,
  APIS,
  type ApiName,
  apiNameOf,
  isServed,
  type RequestInputOf,
} from './messages/index.js';

const CLIENT = { correlationId: 7, clientId: 'client-1' };

/** A request as its receiver sees it, without the length. */
function frameOf<N extends ApiName>(name: N, version: number, body: RequestInputOf<N>): Buffer {
  return Buffer.concat(encodeRequest(name, version, CLIENT, body)).subarray(4);
}

describe('request headers', () => {
  it('the client id is not compact, and tags follow it in flexible versions', () => {
    const frame = frameOf('Heartbeat', 4, { groupId: 'g' });
    expect(frame.subarray(0, 19).toString('hex')).toBe(
      `000c000400000007${'0008'}${Buffer.from('client-1').toString('hex')}00`,
    );
    expect(decodeRequestHeader(frame)).toEqual({
      apiKey: 12,
      apiVersion: 4,
      ...CLIENT,
      bodyOffset: 19,
    });
  });

  it('unknown tags are skipped', () => {
    const plain = frameOf('Heartbeat', 4, { groupId: 'g' });
    const frame = Buffer.concat([
      plain.subarray(0, 18),
      Buffer.from([2, 5, 1, 0xaa, 9, 0]),
      plain.subarray(19),
    ]);
    const { bodyOffset } = decodeRequestHeader(frame);
    expect(bodyOffset).toBe(24);
    expect(decodeRequest('Heartbeat', 4, frame, bodyOffset).groupId).toBe('g');
  });

  it('a null client id', () => {
    const chunks = encodeRequest('Heartbeat', 0, { correlationId: 1, clientId: null }, {});
    expect(decodeRequestHeader(Buffer.concat(chunks).subarray(4)).clientId).toBeNull();
  });

  it('an ApiVersions version of the future has the header of flexible versions', () => {
    const frame = frameOf('ApiVersions', 4, {});
    frame.writeInt16BE(99, 2);
    expect(decodeRequestHeader(frame)).toMatchObject({ apiVersion: 99, bodyOffset: 19 });
    expect(() => decodeRequest('ApiVersions', 99, frame, 19)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_VERSION' }),
    );
  });

  it('an unknown API is left to the caller', () => {
    const frame = frameOf('Heartbeat', 0, {});
    frame.writeInt16BE(999, 0);
    expect(decodeRequestHeader(frame)).toMatchObject({ apiKey: 999, clientId: 'client-1' });
    expect(apiNameOf(999)).toBeUndefined();
    expect(apiNameOf(-1)).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['half a key', '00'],
    ['a client id longer than the frame', '000c000000000007000a61'],
    ['a client id of negative length', '000c000000000007fffe61'],
    ['more tags than bytes', '000c000400000007000161ff01'],
  ])('refuses %s', (_, hex) => {
    expect(() => decodeRequestHeader(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });
});

describe('responses', () => {
  it('ApiVersions always answers with header 0, others with tags in flexible versions', () => {
    const versions = Buffer.concat(encodeResponse('ApiVersions', 4, 7, {}));
    expect(versions.toString('hex')).toBe(`0000000c00000007${'0000'}${'01'}00000000${'00'}`);
    const beat = Buffer.concat(encodeResponse('Heartbeat', 4, 7, {}));
    expect(beat.toString('hex')).toBe(`0000000c00000007${'00'}00000000${'0000'}${'00'}`);
    expect(correlationIdOf(beat.subarray(4))).toBe(7);
  });

  it('tagged fields at their default are left out, others are in the order of their tags', () => {
    const chunks = encodeResponse('ApiVersions', 3, 1, {
      finalizedFeatures: [{ name: 'f', maxVersionLevel: 2 }],
      finalizedFeaturesEpoch: -1,
      supportedFeatures: [{ name: 's', maxVersion: 3 }],
    });
    const tags = Buffer.concat(chunks).subarray(4 + 4 + 2 + 1 + 4);
    expect(tags.toString('hex')).toBe(
      '02' + '0008' + '0202730000000300' + '0208' + '0202660002000000',
    );
  });

  it('a tagged field of more than 127 bytes', () => {
    const nodeEndpoints = Array.from({ length: 2000 }, (_, nodeId) => ({
      nodeId,
      host: `host-${nodeId}.example`,
      port: 9092,
      rack: null,
    }));
    const frame = Buffer.concat(encodeResponse('Produce', 10, 3, { nodeEndpoints })).subarray(4);
    expect(decodeResponse('Produce', 10, frame).body.nodeEndpoints).toEqual(nodeEndpoints);
  });
});

describe('records', () => {
  const long = Buffer.alloc(5000, 1);
  const short = Buffer.alloc(100, 2);

  it('long ones are passed on as they are, short ones copied, the order kept', () => {
    const chunks = encodeResponse('Fetch', 12, 1, {
      responses: [
        {
          topic: 't',
          partitions: [
            { partitionIndex: 0, records: [long, short, long] },
            { partitionIndex: 1, records: short },
          ],
        },
      ],
    });
    expect(chunks.filter((chunk) => chunk === long)).toHaveLength(2);
    expect(chunks).toHaveLength(5);
    const whole = Buffer.concat(chunks);
    expect(whole.readInt32BE(0)).toBe(whole.length - 4);
    const { partitions } = decodeResponse('Fetch', 12, whole.subarray(4)).body.responses[0]!;
    expect(partitions[0]!.records).toEqual(Buffer.concat([long, short, long]));
    expect(partitions[1]!.records).toEqual(short);
  });

  it('decoded ones are views of the frame', () => {
    const frame = frameOf('Produce', 9, {
      topicData: [{ name: 't', partitionData: [{ index: 0, records: long }] }],
    });
    const { bodyOffset } = decodeRequestHeader(frame);
    const { topicData } = decodeRequest('Produce', 9, frame, bodyOffset);
    const { records } = topicData[0]!.partitionData[0]!;
    expect(records?.buffer).toBe(frame.buffer);
    expect(records?.length).toBe(5000);
  });
});

describe('bodies', () => {
  const body = (hex: string) => Buffer.from(hex, 'hex');

  it('bytes after a request are passed over, those after an answer are refused', () => {
    const { groupId } = decodeRequest('Heartbeat', 0, body('000167000000010000ff'), 0);
    expect(groupId).toBe('g');
    expect(() => decodeResponse('Heartbeat', 0, body('00000001' + '0000' + 'ff'))).toThrow(
      /1 bytes left/,
    );
  });

  it.each([
    ['a null string that may not be null', 'Heartbeat', 0, 'ffff000000010000'],
    ['a string of negative length', 'Heartbeat', 0, 'fffe000000010000'],
    ['a string longer than the frame', 'Heartbeat', 0, '7fff'],
    ['a count larger than the frame', 'DeleteGroups', 0, '7fffffff0001'],
    ['a negative count', 'DeleteGroups', 0, 'fffffffe0001'],
    ['a null array that may not be null', 'DeleteGroups', 2, '0000'],
    ['an over-long varint', 'DeleteGroups', 2, 'ffffffffff7f00'],
    ['more tags than bytes', 'DeleteGroups', 2, '0105'],
    ['a tag longer than the frame', 'DeleteGroups', 2, '0101050900'],
    [
      'a known tag shorter than its field',
      'Fetch',
      15,
      `${'00'.repeat(21)}010101010102${'00'.repeat(13)}`,
    ],
  ] as const)('refuses %s', (_, name, version, hex) => {
    expect(() => decodeRequest(name, version, body(hex), 0)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });

  it('refuses more elements than a request may have, however small they are', () => {
    const count = MAX_REQUEST_ELEMENTS + 1;
    const bytes = Buffer.alloc(4 + count * 2);
    bytes.writeInt32BE(count, 0);
    expect(() => decodeRequest('DeleteGroups', 0, bytes, 0)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
    bytes.writeInt32BE(MAX_REQUEST_ELEMENTS, 0);
    const fits = bytes.subarray(0, 4 + MAX_REQUEST_ELEMENTS * 2);
    expect(decodeRequest('DeleteGroups', 0, fits, 0).groupsNames).toHaveLength(
      MAX_REQUEST_ELEMENTS,
    );
  });

  it('what a version lacks is dropped when written and at its default when read', () => {
    const frame = frameOf('JoinGroup', 0, { groupId: 'g', groupInstanceId: 'x', reason: 'y' });
    const { bodyOffset } = decodeRequestHeader(frame);
    expect(decodeRequest('JoinGroup', 0, frame, bodyOffset)).toEqual({
      groupId: 'g',
      sessionTimeoutMs: 0,
      rebalanceTimeoutMs: -1,
      memberId: '',
      groupInstanceId: null,
      protocolType: '',
      protocols: [],
      reason: null,
    });
  });

  it.each<[string, () => unknown]>([
    [
      'null in a field that has none',
      () => encodeResponse('Metadata', 0, 1, { topics: [{ name: null }] }),
    ],
    ['an int32 out of range', () => encodeResponse('Heartbeat', 1, 1, { throttleTimeMs: 2 ** 31 })],
    ['a fraction', () => encodeResponse('Heartbeat', 1, 1, { errorCode: 1.5 })],
    [
      'NaN as an int64',
      () =>
        encodeRequest('DeleteRecords', 0, CLIENT, {
          topics: [{ partitions: [{ offset: Number.NaN }] }],
        }),
    ],
    [
      'a text too long',
      () => encodeRequest('Heartbeat', 4, CLIENT, { groupId: 'x'.repeat(0x8000) }),
    ],
    ['no UUID', () => encodeRequest('Fetch', 13, CLIENT, { topics: [{ topicId: 'nonsense' }] })],
    [
      'a UUID with a wrong character',
      () => encodeRequest('Fetch', 13, CLIENT, { topics: [{ topicId: 'AAECAwQFBgcICQoL*A0ODw' }] }),
    ],
    [
      'a UUID with bits too many',
      () => encodeRequest('Fetch', 13, CLIENT, { topics: [{ topicId: 'AAECAwQFBgcICQoLDA0ODx' }] }),
    ],
  ])('refuses to write %s', (_, encode) => {
    expect(encode).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    // The writer, whose memory is used again, has forgotten what was refused.
    expect(Buffer.concat(encodeResponse('Heartbeat', 0, 7, {})).toString('hex')).toBe(
      '00000006000000070000',
    );
  });

  it('int64 values beyond the safe integers: the nearest double in, clamped out', () => {
    const offset = (value: number) => {
      const frame = frameOf('DeleteRecords', 0, { topics: [{ partitions: [{ offset: value }] }] });
      const { bodyOffset } = decodeRequestHeader(frame);
      return decodeRequest('DeleteRecords', 0, frame, bodyOffset).topics[0]!.partitions[0]!.offset;
    };
    expect(offset(2 ** 63)).toBe(2 ** 63);
    expect(offset(Number.POSITIVE_INFINITY)).toBe(2 ** 63);
    expect(offset(-1e300)).toBe(-(2 ** 63));
    expect(offset(2 ** 60 + 2 ** 10)).toBe(2 ** 60 + 2 ** 10);
    expect(offset(-(2 ** 53) + 1)).toBe(-(2 ** 53) + 1);
  });

  it('topic ids, the zero id among them', () => {
    const ids = [ZERO_UUID, 'AAECAwQFBgcICQoLDA0ODw', '_____________________w', ZERO_UUID];
    const frame = frameOf('Fetch', 13, { topics: ids.map((topicId) => ({ topicId })) });
    const { bodyOffset } = decodeRequestHeader(frame);
    const { topics } = decodeRequest('Fetch', 13, frame, bodyOffset);
    expect(topics.map(({ topicId }) => topicId)).toEqual(ids);
  });
});

describe('APIs', () => {
  it('each key has one name', () => {
    for (const [name, api] of Object.entries(APIS)) {
      expect(api.name).toBe(name);
      expect(apiNameOf(api.key)).toBe(name);
    }
  });

  it('Produce 0 to 2 are advertised and not served, later ones both', () => {
    expect(ADVERTISED[0]).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 12 });
    expect([2, 3, 12, 13].map((version) => isServed('Produce', version))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('nothing is advertised that has no schema, except Produce 0 to 2', () => {
    for (const { apiKey, minVersion, maxVersion } of ADVERTISED) {
      const { versions } = APIS[apiNameOf(apiKey)!];
      if (apiKey !== 0) expect(minVersion).toBeGreaterThanOrEqual(versions.lowest);
      expect(maxVersion).toBeLessThanOrEqual(versions.highest);
    }
  });
});
