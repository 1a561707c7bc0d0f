// A real OpenID provider (npm oidc-provider) for the tests, with pages of its own that need no network. It takes a free
// port and prints `ready URL`; it ends when its input does, so that it never outlives the test that started it.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(path.join(root, 'web/package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const PASSWORD = 'mưa to trên đèo';
/** Invented people and what the provider says of them. `guest` has no group that any test maps. */
const PEOPLE = {
  an: { preferred_username: 'an@laichau.example', name: 'Lò Văn An', groups: ['nhan-vien', 'truc-ban'] },
  binh: { preferred_username: 'binh', name: 'Giàng A Bình', groups: ['quan-tri'] },
  chi: { preferred_username: 'an', name: 'Tao Thị Chi', groups: ['ke-hoach'] },
  guest: { preferred_username: 'guest', name: 'Khách', groups: ['khac'] },
  nobody: { preferred_username: 'nobody' },
};

const configuration = (issuer) => ({
  clients: [
    {
      client_id: 'trucban',
      client_secret: 'a secret & "quoted" %2B+/=',
      // A native client comes back to any port of this machine, so the server under test may take a free one.
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/signed-in'],
      post_logout_redirect_uris: ['http://127.0.0.1/'],
    },
  ],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  cookies: { keys: ['a key of the tests alone'] },
  pkce: { required: () => true },
  findAccount: (_, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) },
  // Whoever signs in here has agreed to everything.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.account.accountId });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
  interactions: { url: (_, interaction) => `${issuer}/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        ctx.body = page(`${form}<button type="submit" form="op.logoutForm" value="yes" name="logout">Đăng xuất hẳn</button>`);
      },
    },
  },
});

const page = (body) => `<!doctype html><html lang="vi"><meta charset="utf-8"><title>Cổng đăng nhập</title>${body}</html>`;

async function interact(provider, request, response) {
  const finish = (result, merged = false) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: merged });
  if (request.method === 'GET') {
    if (request.url.endsWith('/cancel')) return finish({ error: 'access_denied' });
    const { uid, prompt } = await provider.interactionDetails(request, response);
    // Asked of every native client, whatever was agreed to.
    if (prompt.name === 'consent') return finish({ consent: {} }, true);
    response.setHeader('content-type', 'text/html');
    return response.end(
      page(`<form method="post" action="/interaction/${uid}"><label>Tên <input name="login"></label>
        <label>Mật khẩu <input name="password" type="password"></label><button>Vào</button></form>
        <a href="/interaction/${uid}/cancel">Huỷ</a>`),
    );
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const accountId = form.get('login');
  if (!PEOPLE[accountId] || form.get('password') !== PASSWORD) return finish({ error: 'access_denied' });
  return finish({ login: { accountId } });
}

const server = createServer();
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration(issuer));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response);
    interact(provider, request, response).catch((error) => {
      response.statusCode = 400;
      response.end(String(error));
    });
  });
  console.log(`ready ${issuer}`);
});
process.stdin.resume().on('end', () => process.exit(0));
