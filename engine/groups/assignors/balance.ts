import { sortedMembers, wantedTopics } from './draft.js';
import type { AssignorMember, TopicPartitions } from './types.js';

/** What a member says it owned, and since which generation. */
export interface Claim {
  readonly memberId: string;
  readonly owned: readonly TopicPartitions[];
  readonly generationId: number;
}

export interface Part {
  readonly topic: string;
  readonly partition: number;
  /** Index of the member that keeps it if it can; -1 for none. */
  readonly former: number;
  /** Index of the member it is given to. */
  owner: number;
}

export interface Balanced {
  readonly members: readonly AssignorMember[];
  readonly parts: readonly Part[];
}

/**
 * Divides all partitions so that members have as equal numbers as their subscriptions allow, and moves few to get
 * there: as few as possible where all members want the same topics. Of several claims to a partition the one of the latest
 * generation counts, and of equally late ones none.
 */
export function balance(
  given: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
  claims: readonly Claim[],
): Balanced {
  const members = sortedMembers(given);
  const topics = wantedTopics(members, partitionCounts);
  const wants = members.map(({ subscription }) => new Set(subscription.topics));
  const former = formerOwners(members, claims);
  const parts: Part[] = [];
  for (const topic of topics) {
    for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
      const owner = former.get(topic)?.get(partition) ?? -1;
      const canStay = owner >= 0 && wants[owner]!.has(topic);
      parts.push({ topic, partition, former: canStay ? owner : -1, owner: -1 });
    }
  }
  const wantAll = wants.every((own) => topics.every((topic) => own.has(topic)));
  if (wantAll) divideEvenly(parts, members.length);
  else new Exchange(parts, wants).run();
  return { members, parts };
}

function formerOwners(
  members: readonly AssignorMember[],
  claims: readonly Claim[],
): Map<string, Map<number, number>> {
  const indexOf = new Map(members.map(({ memberId }, index) => [memberId, index]));
  const owners = new Map<string, Map<number, number>>();
  const generations = new Map<string, Map<number, number>>();
  for (const { memberId, owned, generationId } of claims) {
    const index = indexOf.get(memberId);
    if (index === undefined) continue;
    for (const { topic, partitions } of owned) {
      const topicOwners = inner(owners, topic);
      const topicGenerations = inner(generations, topic);
      for (const partition of partitions) {
        const known = topicGenerations.get(partition);
        if (known === generationId) {
          if (topicOwners.get(partition) !== index) topicOwners.set(partition, -1);
        } else if (known === undefined || generationId > known) {
          topicOwners.set(partition, index);
          topicGenerations.set(partition, generationId);
        }
      }
    }
  }
  return owners;
}

function inner(map: Map<string, Map<number, number>>, topic: string): Map<number, number> {
  let found = map.get(topic);
  if (found === undefined) {
    found = new Map();
    map.set(topic, found);
  }
  return found;
}

/** Everybody may have everything: some have one more than the others, best those that had more before. */
function divideEvenly(parts: readonly Part[], memberCount: number): void {
  const had = new Array<number>(memberCount).fill(0);
  for (const { former } of parts) if (former >= 0) had[former]!++;
  const share = Math.floor(parts.length / memberCount);
  const withOneMore = parts.length % memberCount;
  const room = new Array<number>(memberCount).fill(share);
  const byHad = [...had.keys()].sort((a, b) => had[b]! - had[a]! || a - b);
  for (const member of byHad.slice(0, withOneMore)) room[member]!++;

  for (const part of parts) {
    if (part.former >= 0 && room[part.former]! > 0) {
      part.owner = part.former;
      room[part.owner]!--;
    }
  }
  let next = 0;
  for (const part of parts) {
    if (part.owner >= 0) continue;
    // In turn, so that the partitions of a topic spread.
    while (room[next % memberCount]! === 0) next++;
    part.owner = next % memberCount;
    room[part.owner]!--;
    next++;
  }
}

/** Members want different topics: everything stays where it was, and goes on from those that have too much. */
class Exchange {
  readonly #parts: readonly Part[];
  readonly #owned: Part[][];
  /** Who wants a topic. */
  readonly #takers = new Map<string, number[]>();

  constructor(parts: readonly Part[], wants: readonly ReadonlySet<string>[]) {
    this.#parts = parts;
    this.#owned = wants.map(() => []);
    for (const [member, topics] of wants.entries()) {
      for (const topic of topics) {
        const takers = this.#takers.get(topic);
        if (takers === undefined) this.#takers.set(topic, [member]);
        else takers.push(member);
      }
    }
  }

  run(): void {
    const homeless: Part[] = [];
    for (const part of this.#parts) {
      if (part.former >= 0) this.#put(part, part.former);
      else homeless.push(part);
    }
    // Those that few want first: the others can make up for it.
    homeless.sort((a, b) => this.#takersOf(a).length - this.#takersOf(b).length);
    for (const part of homeless) this.#put(part, this.#least(this.#takersOf(part)));
    while (this.#passOn());
    while (this.#giveBack());
  }

  #takersOf({ topic }: Part): readonly number[] {
    return this.#takers.get(topic) ?? [];
  }

  #count(member: number): number {
    return this.#owned[member]!.length;
  }

  #least(members: readonly number[]): number {
    return members.reduce((a, b) => (this.#count(b) < this.#count(a) ? b : a));
  }

  #put(part: Part, owner: number): void {
    if (part.owner >= 0) {
      const owned = this.#owned[part.owner]!;
      owned.splice(owned.indexOf(part), 1);
    }
    part.owner = owner;
    this.#owned[owner]!.push(part);
  }

  /**
   * One partition less for a member with many, one more for a member with at least two fewer, over as few others as
   * possible. False when there is no such pair: nothing is better balanced then.
   */
  #passOn(): boolean {
    const byCount = [...this.#owned.keys()].sort((a, b) => this.#count(b) - this.#count(a));
    const fewest = this.#count(byCount.at(-1) ?? 0);
    for (const from of byCount) {
      if (this.#count(from) < fewest + 2) return false;
      const path = this.#path(from);
      if (path === null) continue;
      for (const [part, to] of path) this.#put(part, to);
      return true;
    }
    return false;
  }

  /** The moves of the shortest way from a member to one with at least two fewer. */
  #path(from: number): [part: Part, to: number][] | null {
    const cameBy = new Map<number, readonly [part: Part, from: number]>();
    const seen = new Set([from]);
    const queue = [from];
    for (let at = 0; at < queue.length; at++) {
      const member = queue[at]!;
      for (const part of this.#mobile(member)) {
        for (const taker of this.#takersOf(part)) {
          if (seen.has(taker)) continue;
          seen.add(taker);
          cameBy.set(taker, [part, member]);
          if (this.#count(taker) + 2 <= this.#count(from)) {
            const path: [part: Part, to: number][] = [];
            for (let to = taker; to !== from; ) {
              const [moved, giver] = cameBy.get(to)!;
              path.push([moved, to]);
              to = giver;
            }
            return path;
          }
          queue.push(taker);
        }
      }
    }
    return null;
  }

  /** One of each topic will do; best one that was somebody else's anyway. */
  #mobile(member: number): Iterable<Part> {
    const byTopic = new Map<string, Part>();
    for (const part of this.#owned[member]!) {
      const known = byTopic.get(part.topic);
      if (known === undefined || (known.former === member && part.former !== member)) {
        byTopic.set(part.topic, part);
      }
    }
    return [...byTopic.values()].sort(
      (a, b) => Number(a.former === member) - Number(b.former === member),
    );
  }

  /** What has moved goes back where that makes nobody's share worse. */
  #giveBack(): boolean {
    let changed = false;
    for (const part of this.#parts) {
      const { former, owner } = part;
      if (former < 0 || former === owner || this.#count(former) >= this.#count(owner)) continue;
      this.#put(part, former);
      changed = true;
    }
    return changed;
  }
}
