import { VarveError } from '../errors.js';
import type {
  ApiName,
  DecodedResponseOf,
  FetchRequestInput,
  FetchResponse,
  ListOffsetsRequestInput,
  ListOffsetsResponse,
  RequestInputOf,
} from '../protocol/messages/index.js';
import type { ReplicaConnection, ReplicaTransport } from '../replication/ports.js';
import { WireClient, type WireClientOptions } from './client.js';
import { network } from './client-connection.js';

export interface TcpReplicaTransportOptions {
  /** Where a broker can be reached now; null: not known, or not running. Asked before every request. */
  readonly endpointOf: (
    brokerId: number,
  ) => { readonly host: string; readonly port: number } | null;
  /** How to connect. A follower's fetch waits at the leader, so `requestTimeoutMs` must exceed its `maxWaitMs`. */
  readonly client?: Omit<WireClientOptions, 'host' | 'port' | 'negotiate' | 'reusesFetchMemory'>;
}

/** Brokers of one cluster run the same code, so they need not ask each other for versions. */
const FETCH_VERSION = 17;
const LIST_OFFSETS_VERSION = 9;

/**
 * Followers' way to their leaders, over the same listener that clients use or one of its own. The records of a fetch
 * are valid until the next fetch of the same connection: followers append them before they ask for more.
 */
export class TcpReplicaTransport implements ReplicaTransport {
  readonly #options: TcpReplicaTransportOptions;

  constructor(options: TcpReplicaTransportOptions) {
    this.#options = options;
  }

  connect(brokerId: number): ReplicaConnection {
    return new TcpReplicaConnection(brokerId, this.#options);
  }
}

class TcpReplicaConnection implements ReplicaConnection {
  readonly #brokerId: number;
  readonly #options: TcpReplicaTransportOptions;
  #client: WireClient | null = null;
  /** Where `#client` goes to. A broker that was started again has another port. */
  #endpoint = '';
  #isClosed = false;

  constructor(brokerId: number, options: TcpReplicaTransportOptions) {
    this.#brokerId = brokerId;
    this.#options = options;
  }

  fetch(request: FetchRequestInput, signal: AbortSignal): Promise<FetchResponse> {
    return this.#request('Fetch', FETCH_VERSION, request, signal);
  }

  listOffsets(request: ListOffsetsRequestInput, signal: AbortSignal): Promise<ListOffsetsResponse> {
    return this.#request('ListOffsets', LIST_OFFSETS_VERSION, request, signal);
  }

  close(): void {
    this.#isClosed = true;
    this.#client?.close();
  }

  async #request<N extends ApiName>(
    api: N,
    version: number,
    body: RequestInputOf<N>,
    signal: AbortSignal,
  ): Promise<DecodedResponseOf<N>> {
    const client = this.#clientNow();
    try {
      return await client.request(api, version, body, { signal });
    } catch (error) {
      // The leader answers in order: the next request would wait until the one given up has waited enough. Before
      // there is a connection nothing was asked, and the next request can have it.
      if (signal.aborted && client.isConnected) client.disconnect();
      throw error;
    }
  }

  #clientNow(): WireClient {
    if (this.#isClosed) throw new VarveError('CLOSED', 'the connection to the leader is closed');
    const at = this.#options.endpointOf(this.#brokerId);
    if (at === null) throw network(`broker ${this.#brokerId} has no address`);
    const endpoint = `${at.host}:${at.port}`;
    if (this.#client === null || endpoint !== this.#endpoint) {
      this.#client?.close();
      this.#client = new WireClient({
        clientId: 'varve-replica',
        ...this.#options.client,
        ...at,
        negotiate: false,
        reusesFetchMemory: true,
      });
      this.#endpoint = endpoint;
    }
    return this.#client;
  }
}
