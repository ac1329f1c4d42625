// An OpenID Connect provider for the tests: `oidc-provider` over TLS, with a sign-on page that
// believes what it is told. It speaks with the test by lines of JSON: it prints {"port"} when it
// listens, reads one line of settings, prints {"issuer"} when it answers, and ends with its input.
// Arguments: a PEM file with key and certificate, and the folder of the installed packages.
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const [, , pemPath, modules] = process.argv;
const { default: Provider } = await import(join(modules, 'oidc-provider/lib/index.js'));
const pem = readFileSync(pemPath);
let provider;

function page(uid) {
  return `<!doctype html><html lang="en"><title>Test provider</title><h1>Test provider</h1>
<form method="post" action="/interaction/${uid}"><label>Subject <input name="subject"></label>
<label>Methods <input name="amr" value="pwd"></label><button>Sign on</button></form></html>`;
}

async function interact(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html');
    response.end(page(uid));
    return;
  }
  const parts = [];
  for await (const part of request) parts.push(part);
  const form = new URLSearchParams(Buffer.concat(parts).toString());
  const subject = form.get('subject');
  const result = subject
    ? { login: { accountId: subject, amr: form.get('amr').split(' '), remember: false } }
    : { error: 'access_denied', error_description: 'the person went back' };
  await provider.interactionFinished(request, response, result);
}

function build(settings, issuer) {
  const built = new Provider(issuer, {
    clients: settings.clients,
    jwks: settings.jwks,
    claims: { openid: ['sub', 'amr'] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: ['of the tests'] },
    features: { devInteractions: { enabled: false } },
    pkce: { methods: ['S256'], required: () => settings.pkce !== false },
    ttl: {
      AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 3600, Interaction: 60, Session: 60,
    },
    // Nobody is asked for consent: the client is the organisation's own.
    async loadExistingGrant(context) {
      const grant = new context.oidc.provider.Grant({
        accountId: context.oidc.session.accountId, clientId: context.oidc.client.clientId,
      });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
  });
  built.on('server_error', (_context, error) => console.error(error));
  return built;
}

const server = createServer({ key: pem, cert: pem, minVersion: 'TLSv1.2' }, (request, response) => {
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => {
      response.statusCode = 400;
      response.end(error.message);
    });
  } else {
    provider.callback()(request, response);
  }
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  console.log(JSON.stringify({ port }));
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const issuer = `https://127.0.0.1:${port}`;
      provider = build(JSON.parse(line), issuer);
      console.log(JSON.stringify({ issuer }));
    })
    .on('close', () => process.exit(0));
});
