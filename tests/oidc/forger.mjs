// A provider that lies: it signs everybody in at once, and its tokens have the fault that the test asks for
// (`POST /fault`, the name as text). It prints `ready URL`, and ends when its input does.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const makeKey = (kid) => ({ kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) });
const strangers = makeKey('one');
let key = makeKey('one');
let fault = 'none';
let issuer;
/** Nonces by code. */
const nonces = new Map();
let codes = 0;

const now = () => Math.floor(Date.now() / 1000);
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const jwk = ({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' });

const CLAIMS = {
  expired: () => ({ exp: now() - 10, iat: now() - 600 }),
  issuer: () => ({ iss: 'https://id.somewhere.example' }),
  audience: () => ({ aud: 'another-program' }),
  two_audiences: () => ({ aud: ['trucban', 'another-program'], azp: 'trucban' }),
  party: () => ({ azp: 'another-program' }),
  nonce: () => ({ nonce: 'of another sign-in' }),
  no_nonce: () => ({ nonce: undefined }),
  no_subject: () => ({ sub: undefined }),
  access_token: () => ({ at_hash: encode('of another access token') }),
  no_group: () => ({ groups: undefined }),
};

function idToken(nonce) {
  if (fault === 'rotated') key = makeKey('two');
  const claims = {
    iss: issuer, sub: 'somebody', aud: 'trucban', iat: now(), exp: now() + 300, nonce,
    preferred_username: 'forger', groups: ['truc-ban'], ...CLAIMS[fault]?.(),
  };
  const header = { alg: 'RS256', kid: key.kid, typ: 'JWT' };
  if (fault === 'unsigned') return `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`;
  if (fault === 'shared_secret' || fault === 'public_key_as_secret') {
    const secret = fault === 'shared_secret' ? 'bí mật' : key.publicKey.export({ format: 'pem', type: 'spki' });
    const text = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  }
  if (fault === 'unknown_key') header.kid = 'of nobody';
  const text = `${encode(header)}.${encode(claims)}`;
  const signer = fault === 'wrong_key' ? strangers : key;
  const signature = sign('sha256', Buffer.from(text), signer.privateKey).toString('base64url');
  // A changed claim under the signature of the true ones.
  if (fault === 'changed') return `${encode(header)}.${encode({ ...claims, groups: ['quan-tri'] })}.${signature}`;
  return `${text}.${signature}`;
}

const ROUTES = {
  '/.well-known/openid-configuration': () => ({
    issuer: fault === 'other_issuer' ? 'https://id.somewhere.example' : issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    // It even says that it signs with secrets; what is believed is not its choice.
    id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
  }),
  '/jwks': () => ({ keys: [jwk(key)] }),
  '/authorize': (query, response) => {
    const back = new URL(query.get('redirect_uri'));
    const code = `code-${(codes += 1)}`;
    nonces.set(code, query.get('nonce'));
    back.search = new URLSearchParams({ code, state: query.get('state') }).toString();
    response.writeHead(303, { location: back.href });
  },
  '/token': (form, response) => {
    if (fault === 'breaks') {
      response.statusCode = 500;
      return {};
    }
    if (fault === 'page') return '<html>Cổng đăng nhập đang bảo trì</html>';
    if (fault === 'endless') return 'x'.repeat(2_000_000);
    const answer = { access_token: 'access', token_type: 'Bearer', expires_in: 300 };
    return fault === 'no_token' ? answer : { ...answer, id_token: idToken(nonces.get(form.get('code'))) };
  },
  '/fault': (_form, _response, body) => {
    fault = body;
    return 'ok';
  },
};

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { pathname, searchParams } = new URL(request.url, issuer);
  const parameters = request.method === 'POST' ? new URLSearchParams(body) : searchParams;
  response.setHeader('content-type', 'application/json');
  const answer = ROUTES[pathname]?.(parameters, response, body);
  response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? {}));
});
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(`ready ${issuer}`);
});
process.stdin.resume().on('end', () => process.exit(0));
