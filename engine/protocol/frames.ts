import { decodeBody, decodeFields, encodeBody, encodeWith } from './codec.js';
import {
  APIS,
  type ApiName,
  apiNameOf,
  type DecodedResponseOf,
  type RequestInputOf,
  type RequestOf,
  type ResponseOf,
} from './messages/index.js';
import { ProtocolReader } from './reader.js';
import { type Api, type Fields, includesVersion, type Message, type Struct } from './schema.js';

/*
 * Whole requests and responses. A frame here is what follows the int32 length on the wire.
 *
 *   request   key int16 | version int16 | correlation id int32 | client id string | tags? | body
 *   response  correlation id int32 | tags? | body
 *
 * The tags of a header are there in flexible versions, except in responses to ApiVersions: their sender
 * may not know the version. The client id is never compact. [Kafka: RequestHeader, ResponseHeader]
 */

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Comes back with the response. */
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** A header as read, and where the body of its request begins. */
export interface DecodedRequestHeader extends RequestHeader {
  readonly bodyOffset: number;
}

/** Elements of all arrays of one request together. */
export const MAX_REQUEST_ELEMENTS = 250_000;
/** The same of a response, which its reader asked for. */
export const MAX_RESPONSE_ELEMENTS = 2_000_000;

/**
 * Reads a request up to its body. An API or a version that is not known is left to the caller to refuse;
 * `bodyOffset` then is behind the client id (and the tags, if the API's versions of that height have them).
 * @throws VarveError INVALID_REQUEST
 */
export function decodeRequestHeader(frame: Buffer): DecodedRequestHeader {
  const reader = new ProtocolReader(frame, 0, frame.length, 0);
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.nullableString();
  const name = apiNameOf(apiKey);
  if (name !== undefined && includesVersion(APIS[name].flexible, apiVersion)) reader.skipTags();
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.at };
}

/**
 * Bytes and records of the result are views of `frame`. Bytes after the body are passed over, as Kafka does:
 * librdkafka sends some with Metadata.
 * @throws VarveError UNSUPPORTED_VERSION if there is no schema, INVALID_REQUEST if the bytes are not in its form.
 */
export function decodeRequest<N extends ApiName>(
  name: N,
  version: number,
  frame: Buffer,
  bodyOffset: number,
): RequestOf<N> {
  const reader = new ProtocolReader(frame, bodyOffset, frame.length, MAX_REQUEST_ELEMENTS);
  return decodeFields(APIS[name].request as Message, version, reader) as RequestOf<N>;
}

/**
 * Chunks for one writev, the length first. Records of 1 KiB or more are passed on as they are, so their
 * memory must not change until they are sent.
 * @throws VarveError UNSUPPORTED_VERSION, or INVALID_ARGUMENT for a value that the version cannot carry.
 * A field that the version lacks is dropped.
 */
export function encodeRequest<N extends ApiName>(
  name: N,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  body: RequestInputOf<N>,
): Buffer[] {
  const api: Api = APIS[name];
  return encodeWith((writer) => {
    writer.int16(api.key);
    writer.int16(version);
    writer.int32(header.correlationId);
    writer.nullableString(header.clientId);
    if (includesVersion(api.flexible, version)) writer.unsignedVarint(0);
    encodeBody<Struct<Fields>>(api.request, version, body, writer);
  }, true);
}

/** As `encodeRequest`. */
export function encodeResponse<N extends ApiName>(
  name: N,
  version: number,
  correlationId: number,
  body: ResponseOf<N>,
): Buffer[] {
  const api: Api = APIS[name];
  return encodeWith((writer) => {
    writer.int32(correlationId);
    if (responseHeaderHasTags(name, version)) writer.unsignedVarint(0);
    encodeBody<Struct<Fields>>(api.response, version, body, writer);
  }, true);
}

/** The id by which a client finds the request that a response answers. */
export function correlationIdOf(frame: Buffer): number {
  return new ProtocolReader(frame, 0, frame.length, 0).int32();
}

/** As `decodeRequest`, for the response to a request of that API and version. */
export function decodeResponse<N extends ApiName>(
  name: N,
  version: number,
  frame: Buffer,
): { readonly correlationId: number; readonly body: DecodedResponseOf<N> } {
  const reader = new ProtocolReader(frame, 0, frame.length, MAX_RESPONSE_ELEMENTS);
  const correlationId = reader.int32();
  if (responseHeaderHasTags(name, version)) reader.skipTags();
  const body = decodeBody(APIS[name].response as Message, version, reader) as DecodedResponseOf<N>;
  return { correlationId, body };
}

function responseHeaderHasTags(name: ApiName, version: number): boolean {
  return name !== 'ApiVersions' && includesVersion(APIS[name].flexible, version);
}
