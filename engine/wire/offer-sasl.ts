import { APIS, type ResponseOf } from '../protocol/messages/index.js';

/** SASL is the listener's affair, so the handler need not know of it. */
export function withSasl(answer: ResponseOf<'ApiVersions'>): ResponseOf<'ApiVersions'> {
  const { apiKeys = [] } = answer;
  const missing = [APIS.SaslHandshake, APIS.SaslAuthenticate].filter(
    ({ key }) => !apiKeys.some(({ apiKey }) => apiKey === key),
  );
  return {
    ...answer,
    apiKeys: [
      ...apiKeys,
      ...missing.map(({ key, versions }) => ({
        apiKey: key,
        minVersion: versions.lowest,
        maxVersion: versions.highest,
      })),
    ].sort((a, b) => a.apiKey! - b.apiKey!),
  };
}
