import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.js';
import { ASSIGNORS } from './index.js';
import type { Assignor, AssignorMember, GroupAssignment, TopicPartitions } from './types.js';

function member(
  memberId: string,
  topics: readonly string[],
  rest: Partial<AssignorMember['subscription']> & { readonly instance?: string } = {},
): AssignorMember {
  const { instance = null, ...subscription } = rest;
  return {
    memberId,
    groupInstanceId: instance,
    subscription: {
      topics,
      userData: null,
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
      ...subscription,
    },
  };
}

/** `a0 a1 b0`: topics of one letter and partitions. */
function show(assignment: GroupAssignment): Record<string, string> {
  return Object.fromEntries([...assignment].map(([id, owned]) => [id, flat(owned).join(' ')]));
}

function flat(owned: readonly TopicPartitions[]): string[] {
  return owned.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}${p}`));
}

function owning(text: string): TopicPartitions[] {
  const byTopic = new Map<string, number[]>();
  for (const part of text.split(' ').filter(Boolean)) {
    const topic = part.slice(0, 1);
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), Number(part.slice(1))]);
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
}

/** A member as it rejoins after that assignment. */
function again(
  assignor: Assignor,
  { memberId, subscription: { topics } }: AssignorMember,
  owned: readonly TopicPartitions[],
  generationId: number,
): AssignorMember {
  const ownedPartitions = assignor.isCooperative ? owned : [];
  const userData = assignor.userData(owned, generationId);
  return member(memberId, topics, { userData, ownedPartitions, generationId });
}

const { range, roundrobin, sticky, 'cooperative-sticky': cooperative } = ASSIGNORS;

describe('range', () => {
  test('consecutive partitions of each topic, the first members have one more', () => {
    const members = [member('y', ['a', 'b']), member('x', ['a', 'b'])];
    const counts = new Map([
      ['a', 3],
      ['b', 3],
    ]);
    expect(show(range.assign(members, counts))).toEqual({ x: 'a0 a1 b0 b1', y: 'a2 b2' });
  });

  test('static members come first, by instance id; a topic that does not exist is left out', () => {
    const members = [
      member('m1', ['a', 'none']),
      member('m9', ['a'], { instance: 'i2' }),
      member('m8', ['a'], { instance: 'i3' }),
    ];
    expect(show(range.assign(members, new Map([['a', 4]])))).toEqual({
      m9: 'a0 a1',
      m8: 'a2',
      m1: 'a3',
    });
  });

  test('more members than partitions: some get nothing', () => {
    const members = ['x', 'y', 'z'].map((id) => member(id, ['a']));
    expect(show(range.assign(members, new Map([['a', 2]])))).toEqual({ x: 'a0', y: 'a1', z: '' });
  });
});

const THREE_TOPICS = new Map([
  ['a', 1],
  ['b', 2],
  ['c', 3],
]);
const DIFFERENT = [member('x', ['a']), member('y', ['a', 'b']), member('z', ['a', 'b', 'c'])];

describe('roundrobin', () => {
  test('partitions of all topics in turn', () => {
    const members = [member('x', ['a', 'b']), member('y', ['a', 'b'])];
    const counts = new Map([
      ['a', 3],
      ['b', 3],
    ]);
    expect(show(roundrobin.assign(members, counts))).toEqual({ x: 'a0 a2 b1', y: 'a1 b0 b2' });
  });

  test('members that do not want a topic are passed over', () => {
    expect(show(roundrobin.assign(DIFFERENT, THREE_TOPICS))).toEqual({
      x: 'a0',
      y: 'b0',
      z: 'b1 c0 c1 c2',
    });
  });
});

describe('sticky', () => {
  test('different subscriptions are balanced as far as they go', () => {
    expect(show(sticky.assign(DIFFERENT, THREE_TOPICS))).toEqual({
      x: 'a0',
      y: 'b0 b1',
      z: 'c0 c1 c2',
    });
  });

  test('when a member goes, the others keep what they have', () => {
    const counts = new Map([
      ['a', 2],
      ['b', 2],
      ['c', 2],
      ['d', 2],
    ]);
    const members = ['x', 'y', 'z'].map((id) => member(id, ['a', 'b', 'c', 'd']));
    const first = sticky.assign(members, counts);
    const left = [members[0]!, members[2]!].map((own) =>
      again(sticky, own, first.get(own.memberId) ?? [], 1),
    );
    const second = sticky.assign(left, counts);
    for (const { memberId } of left) {
      expect(flat(second.get(memberId) ?? [])).toEqual(
        expect.arrayContaining(flat(first.get(memberId) ?? [])),
      );
      expect(flat(second.get(memberId) ?? [])).toHaveLength(4);
    }
  });

  test('of two claims the later generation counts; of equally late ones none', () => {
    const claim = (id: string, owned: string, generation: number) =>
      member(id, ['a'], { userData: sticky.userData(owning(owned), generation) });
    const counts = new Map([['a', 4]]);
    const later = sticky.assign([claim('x', 'a0 a1', 1), claim('y', 'a0 a1', 2)], counts);
    expect(show(later)).toEqual({ x: 'a2 a3', y: 'a0 a1' });
    const equal = sticky.assign([claim('x', 'a0 a1', 2), claim('y', 'a0 a1', 2)], counts);
    expect([...flat(equal.get('x') ?? []), ...flat(equal.get('y') ?? [])].sort()).toEqual([
      'a0',
      'a1',
      'a2',
      'a3',
    ]);
  });

  test('user data: the bytes of version 1; version 0 and nonsense are read too', () => {
    const userData = sticky.userData(owning('a0 a5'), 7);
    expect(userData?.toString('hex')).toBe('00000001000161000000020000000000000005' + '00000007');
    const counts = new Map([['a', 6]]);
    const old = member('y', ['a'], { userData: userData?.subarray(0, -4) ?? null });
    expect(flat(sticky.assign([member('x', ['a']), old], counts).get('y') ?? [])).toEqual(
      expect.arrayContaining(['a0', 'a5']),
    );
    const nonsense = member('y', ['a'], { userData: Buffer.from('nonsense') });
    expect(flat(sticky.assign([member('x', ['a']), nonsense], counts).get('y') ?? [])).toHaveLength(
      3,
    );
  });
});

describe('cooperative-sticky', () => {
  test('what moves is taken away first, and given out in the next rebalance', () => {
    const counts = new Map([['a', 4]]);
    const x = member('x', ['a'], { ownedPartitions: owning('a0 a1 a2 a3'), generationId: 1 });
    const first = cooperative.assign([x, member('y', ['a'])], counts);
    expect(show(first)).toEqual({ x: 'a0 a1', y: '' });
    const second = cooperative.assign(
      [
        again(cooperative, x, first.get('x') ?? [], 2),
        again(cooperative, member('y', ['a']), [], 2),
      ],
      counts,
    );
    expect(show(second)).toEqual({ x: 'a0 a1', y: 'a2 a3' });
  });

  test('a member with an old generation must let go before another gets its partition', () => {
    const old = member('x', ['a'], { ownedPartitions: owning('a0 a1'), generationId: 1 });
    const newer = member('y', ['a'], { ownedPartitions: owning('a0'), generationId: 2 });
    const assignment = cooperative.assign([old, newer], new Map([['a', 2]]));
    expect(show(assignment)).toEqual({ x: 'a1', y: 'a0' });
  });

  test('the generation comes from the user data where the subscription has none', () => {
    const old = (id: string, owned: string, generation: number) =>
      member(id, ['a'], {
        ownedPartitions: owning(owned),
        userData: cooperative.userData([], generation),
      });
    const assignment = cooperative.assign(
      [old('x', 'a0', 3), old('y', 'a0 a1', 2)],
      new Map([['a', 2]]),
    );
    expect(show(assignment)).toEqual({ x: 'a0', y: 'a1' });
  });
});

const TOPICS = ['a', 'b', 'c', 'd'];
const countsArbitrary = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: TOPICS.length, maxLength: TOPICS.length })
  .map((counts) => new Map(TOPICS.map((topic, at) => [topic, counts[at]!])));
const membersArbitrary = fc
  .array(fc.subarray(TOPICS), { minLength: 1, maxLength: 7 })
  .map((all) => all.map((topics, at) => member(`m${at}`, topics)));
const roundsArbitrary = fc.array(fc.tuple(countsArbitrary, membersArbitrary), {
  minLength: 1,
  maxLength: 5,
});
type Counts = ReadonlyMap<string, number>;

function ownersOf(assignment: GroupAssignment): Map<string, string> {
  const owners = new Map<string, string>();
  for (const [id, owned] of assignment) {
    for (const part of flat(owned)) {
      expect(owners.has(part), `${part} is given out twice`).toBe(false);
      owners.set(part, id);
    }
  }
  return owners;
}

/** Everything somebody wants has one owner, who wants it. */
function checkComplete(
  assignment: GroupAssignment,
  members: readonly AssignorMember[],
  counts: Counts,
) {
  expect([...assignment.keys()].sort()).toEqual(members.map(({ memberId }) => memberId).sort());
  const owners = ownersOf(assignment);
  const wanted = TOPICS.filter((topic) =>
    members.some(({ subscription }) => subscription.topics.includes(topic)),
  );
  const parts = wanted.flatMap((topic) =>
    [...Array(counts.get(topic)).keys()].map((partition) => `${topic}${partition}`),
  );
  expect([...owners.keys()].sort()).toEqual(parts.sort());
  for (const [part, id] of owners) {
    const owner = members.find(({ memberId }) => memberId === id);
    expect(owner?.subscription.topics).toContain(part.slice(0, 1));
  }
}

/** Nobody could take a partition from somebody with at least two more. */
function checkBalanced(assignment: GroupAssignment, members: readonly AssignorMember[]) {
  const count = (id: string) => flat(assignment.get(id) ?? []).length;
  for (const [part, id] of ownersOf(assignment)) {
    for (const { memberId, subscription } of members) {
      if (subscription.topics.includes(part.slice(0, 1))) {
        expect(count(id) - count(memberId), `${part} of ${id} for ${memberId}`).toBeLessThan(2);
      }
    }
  }
}

/** Rounds of members that come, go and change what they want. */
function play(
  assignor: Assignor,
  rounds: readonly (readonly [Counts, readonly AssignorMember[]])[],
  check: (
    assignment: GroupAssignment,
    members: readonly AssignorMember[],
    counts: Counts,
    former: ReadonlyMap<string, string>,
  ) => void,
) {
  let before: GroupAssignment = new Map();
  for (const [generation, [counts, named]] of rounds.entries()) {
    const members = named.map((own) =>
      again(assignor, own, before.get(own.memberId) ?? [], generation),
    );
    const former = ownersOf(before);
    before = assignor.assign(members, counts);
    check(before, members, counts, former);
  }
}

test.each(Object.values(ASSIGNORS).filter(({ isCooperative }) => !isCooperative))(
  '$name: every partition once, to a member that wants it',
  (assignor) => {
    fc.assert(
      fc.property(roundsArbitrary, (rounds) => {
        play(assignor, rounds, checkComplete);
      }),
      { numRuns: 100 },
    );
  },
);

test('sticky: balanced, and nothing moved that could have stayed', () => {
  fc.assert(
    fc.property(roundsArbitrary, (rounds) => {
      play(sticky, rounds, (assignment, members, _, former) => {
        checkBalanced(assignment, members);
        const count = (id: string) => flat(assignment.get(id) ?? []).length;
        for (const [part, owner] of ownersOf(assignment)) {
          const had = members.find(({ memberId }) => memberId === former.get(part));
          if (had === undefined || had.memberId === owner) continue;
          if (!had.subscription.topics.includes(part.slice(0, 1))) continue;
          expect(count(had.memberId), `${part} left ${had.memberId}`).toBeGreaterThanOrEqual(
            count(owner),
          );
        }
      });
    }),
    { numRuns: 200 },
  );
});

test('sticky, all wanting the same: as few moves as an even share allows', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(countsArbitrary, sizes, (counts, memberCounts) => {
      const rounds = memberCounts.map(
        (size) => [counts, [...Array(size).keys()].map((at) => member(`m${at}`, TOPICS))] as const,
      );
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      play(sticky, rounds, (assignment, members, _, former) => {
        const sizesNow = [...assignment.values()].map((owned) => flat(owned).length);
        expect(Math.max(...sizesNow) - Math.min(...sizesNow)).toBeLessThan(2);
        const share = Math.floor(total / members.length);
        const larger = total % members.length;
        const had = members
          .map(({ memberId }) => [...former.values()].filter((id) => id === memberId).length)
          .sort((a, b) => b - a);
        const most = had.reduce(
          (sum, own, at) => sum + Math.min(own, share + (at < larger ? 1 : 0)),
          0,
        );
        const stayed = [...ownersOf(assignment)].filter(([part, id]) => former.get(part) === id);
        expect(stayed).toHaveLength(most);
      });
    }),
    { numRuns: 100 },
  );
});

test('cooperative-sticky: nothing is given that another still has, and a few rounds later all is settled', () => {
  fc.assert(
    fc.property(roundsArbitrary, (rounds) => {
      const last = rounds.at(-1)!;
      const settling = [...rounds, last, last, last];
      let previous = '';
      let round = 0;
      play(cooperative, settling, (assignment, members, counts) => {
        for (const [part, id] of ownersOf(assignment)) {
          for (const { memberId, subscription } of members) {
            const holds = flat(subscription.ownedPartitions).includes(part);
            if (memberId !== id) expect(holds, `${part} is given to ${id}`).toBe(false);
          }
        }
        round++;
        if (round === settling.length) {
          checkComplete(assignment, members, counts);
          checkBalanced(assignment, members);
          expect(JSON.stringify(show(assignment))).toBe(previous);
        }
        previous = JSON.stringify(show(assignment));
      });
    }),
    { numRuns: 100 },
  );
});

test('a large group with different subscriptions is quick', () => {
  const topics = [...Array(100).keys()].map((at) => `t${at}`);
  const counts = new Map(topics.map((topic) => [topic, 20]));
  const members = [...Array(100).keys()].map((at) =>
    member(`m${at}`, topics.slice(at % 50, (at % 50) + 30)),
  );
  const assignment = sticky.assign(members, counts);
  const sizes = [...assignment.values()].map((owned) =>
    owned.reduce((sum, { partitions }) => sum + partitions.length, 0),
  );
  expect(sizes.reduce((a, b) => a + b)).toBe(79 * 20);
  expect(Math.max(...sizes)).toBeLessThan(30);
}, 5000);

test('subscriptions and assignments in the bytes of every client', () => {
  const subscription = {
    topics: ['a'],
    userData: Buffer.from('u'),
    ownedPartitions: owning('a1'),
    generationId: 4,
    rackId: 'r',
  };
  const bytes = encodeSubscription(subscription);
  expect(bytes.toString('hex')).toBe(
    '0003' +
      '00000001' +
      '000161' +
      '00000001' +
      '75' +
      '00000001' +
      '000161' +
      '00000001' +
      '00000001' +
      '00000004' +
      '000172',
  );
  expect(decodeSubscription(bytes)).toEqual(subscription);
  const first = Buffer.concat([Buffer.from('0000', 'hex'), bytes.subarray(2, 14)]);
  expect(decodeSubscription(first)).toEqual({
    topics: ['a'],
    userData: Buffer.from('u'),
    ownedPartitions: [],
    generationId: -1,
    rackId: null,
  });
  const future = Buffer.concat([
    Buffer.from('0009', 'hex'),
    bytes.subarray(2),
    Buffer.from('more'),
  ]);
  expect(decodeSubscription(future)).toEqual(subscription);
  expect(() => decodeSubscription(Buffer.from('0001000000', 'hex'))).toThrow('malformed');
  expect(decodeAssignment(encodeAssignment(owning('a1 b2')))).toEqual(owning('a1 b2'));
  expect(decodeAssignment(Buffer.alloc(0))).toEqual([]);
});
