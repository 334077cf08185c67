import { api, arrayOf, bytes, type Decoded, type Input, int16, int64, string } from '../schema.js';

/* Authentication. */

export const SaslHandshake = api(
  'SaslHandshake',
  17,
  { versions: '0-1', flexible: 'none' },
  {
    request: {
      mechanism: string('0+'),
    },
    response: {
      errorCode: int16('0+'),
      mechanisms: arrayOf('0+', 'string'),
    },
  },
);
export type SaslHandshakeRequest = Decoded<typeof SaslHandshake.request.struct>;
export type SaslHandshakeRequestInput = Input<typeof SaslHandshake.request.struct>;
export type SaslHandshakeResponse = Decoded<typeof SaslHandshake.response.struct>;
export type SaslHandshakeResponseInput = Input<typeof SaslHandshake.response.struct>;

export const SaslAuthenticate = api(
  'SaslAuthenticate',
  36,
  { versions: '0-2', flexible: '2+' },
  {
    request: {
      authBytes: bytes('0+'),
    },
    response: {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      authBytes: bytes('0+'),
      sessionLifetimeMs: int64('1+'),
    },
  },
);
export type SaslAuthenticateRequest = Decoded<typeof SaslAuthenticate.request.struct>;
export type SaslAuthenticateRequestInput = Input<typeof SaslAuthenticate.request.struct>;
export type SaslAuthenticateResponse = Decoded<typeof SaslAuthenticate.response.struct>;
export type SaslAuthenticateResponseInput = Input<typeof SaslAuthenticate.response.struct>;
