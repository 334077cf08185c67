import { KafkaError } from '../protocol/error-codes.js';
import type {
  JoinGroupRequestProtocol,
  JoinGroupResponseInput,
  SyncGroupResponseInput,
} from '../protocol/messages/index.js';
import type { Deadline } from './deadline.js';

/** A way of assigning that a member supports, with what it tells the leader about itself. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** Sends the answer to a waiting request; called once. */
export type Answer<Response> = (response: Response) => void;

export interface MemberOptions {
  readonly memberId: string;
  /** Null for a dynamic member. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly MemberProtocol[];
  readonly assignment?: Buffer;
}

export const NO_BYTES = Buffer.alloc(0);

/** One member of a classic group [Kafka `ClassicGroupMember`]. */
export class Member {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  /** Of the present generation; empty while none is known. */
  assignment: Buffer;
  /** It has not seen a generation yet, so it does not know its id and cannot send heartbeats. */
  isNew = false;
  awaitingJoin: Answer<JoinGroupResponseInput> | null = null;
  awaitingSync: Answer<SyncGroupResponseInput> | null = null;
  /** Set by whoever keeps the time. */
  session: Deadline | null = null;

  constructor(options: MemberOptions) {
    this.memberId = options.memberId;
    this.groupInstanceId = options.groupInstanceId;
    this.clientId = options.clientId;
    this.clientHost = options.clientHost;
    this.protocolType = options.protocolType;
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs;
    this.sessionTimeoutMs = options.sessionTimeoutMs;
    this.protocols = options.protocols;
    this.assignment = options.assignment ?? NO_BYTES;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  /** Waiting for the group is as good as a heartbeat, except for a member that never got an answer. */
  get satisfiesHeartbeat(): boolean {
    return !this.isNew && (this.awaitingJoin !== null || this.awaitingSync !== null);
  }

  metadataOf(protocol: string | null): Buffer {
    return this.protocols.find((known) => known.name === protocol)?.metadata ?? NO_BYTES;
  }

  /** Whether a request says the same as the member said before, order included. */
  hasProtocols(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every((given, index) => {
        const known = this.protocols[index];
        return known?.name === given.name && known.metadata.equals(given.metadata);
      })
    );
  }

  /** The first of the member's protocols that is among the candidates. */
  vote(candidates: ReadonlySet<string>): string | null {
    return this.protocols.find((protocol) => candidates.has(protocol.name))?.name ?? null;
  }

  /** Returns whether a sync was waiting. */
  completeSync(response: SyncGroupResponseInput): boolean {
    const answer = this.awaitingSync;
    this.awaitingSync = null;
    answer?.(response);
    return answer !== null;
  }

  awaitSync(answer: Answer<SyncGroupResponseInput>): void {
    // The member has sent it again: nobody waits for the first any more, but it may hold up a connection.
    this.completeSync({ errorCode: KafkaError.REBALANCE_IN_PROGRESS });
    this.awaitingSync = answer;
  }
}

/** Copies what a request says, whose bytes are views of the network's memory. The first of a name counts. */
export function copyProtocols(protocols: readonly JoinGroupRequestProtocol[]): MemberProtocol[] {
  const seen = new Set<string>();
  const copies: MemberProtocol[] = [];
  for (const { name, metadata } of protocols) {
    if (seen.has(name)) continue;
    seen.add(name);
    copies.push({ name, metadata: Buffer.from(metadata) });
  }
  return copies;
}
