// A real issuer of tokens (oidc-provider) where Microsoft Entra has its own, and EWS behind it that takes its tokens only:
// a proxy before the sandbox. As with Entra tokens are signed (JSON Web Tokens), and EWS knows the issuer's public keys.
//
//   node oauth.mjs FOLDER EWS_URL USER:PASSWORD    # the sandbox's EWS without TLS, and who signs in there by Basic
//
// In FOLDER: tls-key.pem and tls-cert.pem of the server, app-cert.pem of the application that signs in with a certificate.
// Prints `ready PORT`, and ends with its standard input.
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { Provider } from 'oidc-provider';

const [folder, ewsUrl, basic] = process.argv.slice(2);
const read = (name) => readFileSync(path.join(folder, name), 'utf8');
const certificate = new X509Certificate(read('app-cert.pem'));
const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
const scope = 'https://outlook.office365.com/.default';
const resource = 'https://outlook.office365.com';
let lasts = 3600;

const server = https.createServer({ key: read('tls-key.pem'), cert: read('tls-cert.pem') });
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const name = `https://localhost:${port}`;

const application = (client_id, rest) => ({
  client_id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope, ...rest,
});
const key = {
  ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig', 'x5t#S256': thumbprint,
};

// An issuer with a key of its own; those it signs with, and those that EWS accepts.
let number = 0;
let issuer;
let accepted;
function newKey() {
  number += 1;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const named = { use: 'sig', alg: 'RS256', kid: `key-${number}` };
  const provider = new Provider(name, {
    clients: [
      application('with-secret', { client_secret: 'Geheim & mehr', token_endpoint_auth_method: 'client_secret_post' }),
      application('with-certificate', {
        token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] }, token_endpoint_auth_signing_alg: 'PS256',
      }),
    ],
    clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['PS256', 'RS256'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        getResourceServerInfo: () => ({
          scope, audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: lasts, jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), ...named }] },
    routes: { token: '/corp.example/oauth2/v2.0/token' },
    scopes: [scope],
    ttl: { ClientCredentials: () => lasts },
  });
  provider.on('server_error', (_, error) => console.error(error));
  provider.on('grant.error', (_, error) =>
    console.error(`${error.error}: ${error.error_detail ?? error.error_description}`));
  issuer = provider.callback();
  accepted = createLocalJWKSet({ keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] });
}
newKey();
let issued = 0;

async function ews(request, answer) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const checked = token && (await jwtVerify(token, accepted, { issuer: name, audience: resource }).catch(() => null));
  if (!checked) {
    request.resume();
    answer.writeHead(401, { 'WWW-Authenticate': 'Bearer', 'Content-Length': 0 }).end();
    return;
  }
  const headers = { ...request.headers, authorization: `Basic ${Buffer.from(basic).toString('base64')}` };
  const passed = http.request(ewsUrl, { method: request.method, headers }, (theirs) => {
    answer.writeHead(theirs.statusCode, theirs.headers);
    theirs.pipe(answer);
  });
  passed.on('error', () => answer.writeHead(502).end());
  request.pipe(passed);
}

server.on('request', (request, answer) => {
  if (request.url.toLowerCase() === '/ews/exchange.asmx') return ews(request, answer);
  // For the test: how long new tokens last, how many were issued, and a new key in place of the one before.
  if (request.url.startsWith('/lasts/')) {
    lasts = Number(request.url.slice(7));
    return answer.end();
  }
  if (request.url === '/issued') return answer.end(String(issued));
  if (request.url === '/new-key') {
    newKey();
    return answer.end();
  }
  answer.on('finish', () => { issued += answer.statusCode === 200 ? 1 : 0; });
  return issuer(request, answer);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(`ready ${port}`);
