import {
  api,
  arrayOf,
  bool,
  type Decoded,
  type Input,
  int8,
  int16,
  int32,
  string,
  struct,
} from '../schema.js';

/* Settings of topics and brokers. */

export const DescribeConfigsResource = struct({
  resourceType: int8('0+'),
  resourceName: string('0+'),
  configurationKeys: arrayOf('0+', 'string', { nullable: '0+' }),
});
export type DescribeConfigsResource = Decoded<typeof DescribeConfigsResource>;
export type DescribeConfigsResourceInput = Input<typeof DescribeConfigsResource>;

export const DescribeConfigsSynonym = struct({
  name: string('1+'),
  value: string('1+', { nullable: '0+' }),
  source: int8('1+'),
});
export type DescribeConfigsSynonym = Decoded<typeof DescribeConfigsSynonym>;
export type DescribeConfigsSynonymInput = Input<typeof DescribeConfigsSynonym>;

export const DescribeConfigsResourceResult = struct({
  name: string('0+'),
  value: string('0+', { nullable: '0+' }),
  readOnly: bool('0+'),
  configSource: int8('1+', { default: -1 }),
  isSensitive: bool('0+'),
  synonyms: arrayOf('1+', DescribeConfigsSynonym),
  configType: int8('3+'),
  documentation: string('3+', { nullable: '0+' }),
});
export type DescribeConfigsResourceResult = Decoded<typeof DescribeConfigsResourceResult>;
export type DescribeConfigsResourceResultInput = Input<typeof DescribeConfigsResourceResult>;

export const DescribeConfigsResult = struct({
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
  resourceType: int8('0+'),
  resourceName: string('0+'),
  configs: arrayOf('0+', DescribeConfigsResourceResult),
});
export type DescribeConfigsResult = Decoded<typeof DescribeConfigsResult>;
export type DescribeConfigsResultInput = Input<typeof DescribeConfigsResult>;

export const DescribeConfigs = api(
  'DescribeConfigs',
  32,
  { versions: '1-4', flexible: '4+', advertise: '1-4' },
  {
    request: {
      resources: arrayOf('0+', DescribeConfigsResource),
      includeSynonyms: bool('1+'),
      includeDocumentation: bool('3+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      results: arrayOf('0+', DescribeConfigsResult),
    },
  },
);
export type DescribeConfigsRequest = Decoded<typeof DescribeConfigs.request.struct>;
export type DescribeConfigsRequestInput = Input<typeof DescribeConfigs.request.struct>;
export type DescribeConfigsResponse = Decoded<typeof DescribeConfigs.response.struct>;
export type DescribeConfigsResponseInput = Input<typeof DescribeConfigs.response.struct>;

export const AlterConfigsAlterableConfig = struct({
  name: string('0+'),
  value: string('0+', { nullable: '0+' }),
});
export type AlterConfigsAlterableConfig = Decoded<typeof AlterConfigsAlterableConfig>;
export type AlterConfigsAlterableConfigInput = Input<typeof AlterConfigsAlterableConfig>;

export const AlterConfigsAlterConfigsResource = struct({
  resourceType: int8('0+'),
  resourceName: string('0+'),
  configs: arrayOf('0+', AlterConfigsAlterableConfig),
});
export type AlterConfigsAlterConfigsResource = Decoded<typeof AlterConfigsAlterConfigsResource>;
export type AlterConfigsAlterConfigsResourceInput = Input<typeof AlterConfigsAlterConfigsResource>;

export const AlterConfigsAlterConfigsResourceResponse = struct({
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
  resourceType: int8('0+'),
  resourceName: string('0+'),
});
export type AlterConfigsAlterConfigsResourceResponse = Decoded<
  typeof AlterConfigsAlterConfigsResourceResponse
>;
export type AlterConfigsAlterConfigsResourceResponseInput = Input<
  typeof AlterConfigsAlterConfigsResourceResponse
>;

export const AlterConfigs = api(
  'AlterConfigs',
  33,
  { versions: '0-2', flexible: '2+', advertise: '0-2' },
  {
    request: {
      resources: arrayOf('0+', AlterConfigsAlterConfigsResource),
      validateOnly: bool('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      responses: arrayOf('0+', AlterConfigsAlterConfigsResourceResponse),
    },
  },
);
export type AlterConfigsRequest = Decoded<typeof AlterConfigs.request.struct>;
export type AlterConfigsRequestInput = Input<typeof AlterConfigs.request.struct>;
export type AlterConfigsResponse = Decoded<typeof AlterConfigs.response.struct>;
export type AlterConfigsResponseInput = Input<typeof AlterConfigs.response.struct>;

export const IncrementalAlterConfigsAlterableConfig = struct({
  name: string('0+'),
  configOperation: int8('0+'),
  value: string('0+', { nullable: '0+' }),
});
export type IncrementalAlterConfigsAlterableConfig = Decoded<
  typeof IncrementalAlterConfigsAlterableConfig
>;
export type IncrementalAlterConfigsAlterableConfigInput = Input<
  typeof IncrementalAlterConfigsAlterableConfig
>;

export const IncrementalAlterConfigsAlterConfigsResource = struct({
  resourceType: int8('0+'),
  resourceName: string('0+'),
  configs: arrayOf('0+', IncrementalAlterConfigsAlterableConfig),
});
export type IncrementalAlterConfigsAlterConfigsResource = Decoded<
  typeof IncrementalAlterConfigsAlterConfigsResource
>;
export type IncrementalAlterConfigsAlterConfigsResourceInput = Input<
  typeof IncrementalAlterConfigsAlterConfigsResource
>;

export const IncrementalAlterConfigsAlterConfigsResourceResponse = struct({
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
  resourceType: int8('0+'),
  resourceName: string('0+'),
});
export type IncrementalAlterConfigsAlterConfigsResourceResponse = Decoded<
  typeof IncrementalAlterConfigsAlterConfigsResourceResponse
>;
export type IncrementalAlterConfigsAlterConfigsResourceResponseInput = Input<
  typeof IncrementalAlterConfigsAlterConfigsResourceResponse
>;

export const IncrementalAlterConfigs = api(
  'IncrementalAlterConfigs',
  44,
  { versions: '0-1', flexible: '1+', advertise: '0-1' },
  {
    request: {
      resources: arrayOf('0+', IncrementalAlterConfigsAlterConfigsResource),
      validateOnly: bool('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      responses: arrayOf('0+', IncrementalAlterConfigsAlterConfigsResourceResponse),
    },
  },
);
export type IncrementalAlterConfigsRequest = Decoded<typeof IncrementalAlterConfigs.request.struct>;
export type IncrementalAlterConfigsRequestInput = Input<
  typeof IncrementalAlterConfigs.request.struct
>;
export type IncrementalAlterConfigsResponse = Decoded<
  typeof IncrementalAlterConfigs.response.struct
>;
export type IncrementalAlterConfigsResponseInput = Input<
  typeof IncrementalAlterConfigs.response.struct
>;
