import openapiTS, { astToString, COMMENT_HEADER, type OpenAPI3 } from 'openapi-typescript';
import { expect, it } from 'vitest';
import document from '../../../docs/openapi.json';
import committed from './schema.ts?raw';

it('the types of the API are those of its document; `npm run types` writes them anew', async () => {
  const made = COMMENT_HEADER + astToString(await openapiTS(document as unknown as OpenAPI3));
  expect(committed === made, 'src/api/schema.ts differs from docs/openapi.json').toBe(true);
});
