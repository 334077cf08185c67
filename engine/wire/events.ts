import type { ApiName } from '../protocol/messages/index.js';

/** Why a connection ended. */
export type CloseReason =
  /** The client closed it, or the network did. */
  | 'disconnected'
  | 'idle'
  /** Bytes that are not a request, or one longer than allowed. */
  | 'invalid-request'
  /** An API or version that is not served. */
  | 'unsupported-version'
  | 'authentication-failed'
  /** TLS or SASL took too long. */
  | 'login-timeout'
  /** The client does not read what it asked for. */
  | 'slow-reader'
  /** A request stood still half way. */
  | 'slow-sender'
  /** The handler failed and the answer cannot say so, or it asked for it. */
  | 'handler'
  | 'server-closing';

interface Peer {
  readonly listenerName: string;
  readonly clientHost: string;
  readonly connectionId: string;
}

/** What a server tells its owner, for logging and metrics. One event is one line. */
export type WireEvent =
  | {
      readonly kind: 'listening';
      readonly listenerName: string;
      readonly host: string;
      readonly port: number;
    }
  | ({ readonly kind: 'connection-opened' } & Peer)
  | ({
      readonly kind: 'connection-closed';
      readonly reason: CloseReason;
      /** For people. */
      readonly message: string;
    } & Peer)
  /** Over `maxConnections` or `maxConnectionsPerIp`: closed at once. */
  | {
      readonly kind: 'connection-refused';
      readonly listenerName: string;
      readonly clientHost: string;
      readonly message: string;
    }
  /** The system gives no more connections (too many open files), or a listening socket failed. */
  | { readonly kind: 'accept-failed'; readonly listenerName: string; readonly cause: unknown }
  | ({
      readonly kind: 'authenticated';
      readonly principal: string;
      readonly mechanism: string;
    } & Peer)
  /** The handler threw, or answered with what cannot be encoded. */
  | ({
      readonly kind: 'request-failed';
      readonly api: ApiName;
      readonly version: number;
      readonly cause: unknown;
    } & Peer);
