import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Kafka's name for who has not said who they are. */
export const ANONYMOUS = 'User:ANONYMOUS';

/**
 * Who a client is by its certificate: the subject, last attribute first, as Kafka takes it from Java
 * (`User:CN=alice,OU=ops`, RFC 2253). ANONYMOUS without a certificate that was checked.
 */
export function principalOf(socket: Socket): string {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return ANONYMOUS;
  const subject = socket.getPeerCertificate().subject as
    | Readonly<Record<string, string | readonly string[]>>
    | undefined;
  if (subject === undefined) return ANONYMOUS;
  const parts = Object.entries(subject).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => `${name}=${escapeValue(each)}`),
  );
  return parts.length === 0 ? ANONYMOUS : `User:${parts.reverse().join(',')}`;
}

function escapeValue(value: string): string {
  return value.replace(/[,+"\\<>;]|^[ #]| $/g, '\\$&');
}
