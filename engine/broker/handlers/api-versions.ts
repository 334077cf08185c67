import { KafkaError } from '../../protocol/error-codes.js';
import { ADVERTISED } from '../../protocol/messages/index.js';
import type { Handler } from './answers.js';

/** Kafka: ApiVersionsRequest.SOFTWARE_NAME_VERSION_PATTERN. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** Features are left out: varve has none of those that Kafka switches by them. */
export const apiVersions: Handler<'ApiVersions'> = (_services, request, { apiVersion }) => {
  const { clientSoftwareName, clientSoftwareVersion } = request;
  const isNamed = SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion);
  if (apiVersion >= 3 && !isNamed) return { errorCode: KafkaError.INVALID_REQUEST };
  return { apiKeys: ADVERTISED };
};
