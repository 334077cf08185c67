/** The Kafka protocol over sockets: server, client, and the way from follower to leader. */
export { WireClient, type WireClientOptions } from './client.js';
export type { RequestOptions } from './client-connection.js';
export type { RequestListener } from './connection-owner.js';
export type { CloseReason, WireEvent } from './events.js';
export type { WireLimits } from './limits.js';
export type { ListenerOptions, ListenerTls } from './listener.js';
export { TcpReplicaTransport, type TcpReplicaTransportOptions } from './replica-transport.js';
export { Credentials, formatCredential, parseCredentials } from './sasl/credentials.js';
export { type ScramCredential, type ScramMechanism, scramCredential } from './sasl/scram.js';
export type { SaslMechanism, SaslOptions } from './sasl/session.js';
export { WireServer, type WireServerOptions, type WireServerStatus } from './server.js';
