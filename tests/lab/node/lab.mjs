// Starts the sandbox organisation and an updater, and connects ews-javascript-api to the former.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import ews from 'ews-javascript-api';

const project = fileURLToPath(new URL('../../..', import.meta.url));
const program = process.env.SIU_UPDATER ?? path.join(project, 'target/debug/siu-updater');
const logs = process.env.SIU_LAB_LOGS ?? path.join(project, 'target/lab/logs');

const organisation = readFileSync(path.join(project, 'resources/sandbox/organisation.toml'), 'utf8');
const setting = (name) => organisation.match(new RegExp(`^${name} = "(.*)"$`, 'm'))[1];
const account = setting('service_account');
const password = setting('service_password');

export const people = { anna: 'anna.bergstroem@nordwind.example' };

/** ews-javascript-api writes values into its XML as they are, and leaves it to its users to escape them. */
export function xml(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}

/** Polls until the condition holds, and returns what it found. */
async function until(condition, seconds, what) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** A running siu-updater whose output goes to a log file. */
class Program {
  constructor(name, words) {
    mkdirSync(logs, { recursive: true });
    this.logFile = path.join(logs, `${name}-node-${process.pid}.log`);
    const log = openSync(this.logFile, 'w');
    this.child = spawn(program, words, { stdio: ['ignore', log, log] });
    running.add(this.child);
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.ended.then(() => running.delete(this.child));
    this.ended.then(() => (this.gone = true));
  }

  log() {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Waits for a sign of life, and says what it wrote if it ended instead. */
  alive(sign, what) {
    return until(() => {
      if (this.gone) throw new Error(`it ended instead:\n${this.log()}`);
      return sign();
    }, 30, what);
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}

function request(options, body) {
  return new Promise((resolve, reject) => {
    const sent = http.request(options, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => {
        const content = Buffer.concat(pieces).toString();
        if (answer.statusCode >= 300) reject(new Error(`${options.path}: ${answer.statusCode} ${content}`));
        else resolve({ headers: answer.headers, json: content ? JSON.parse(content) : null });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export class Sandbox {
  static async start() {
    const sandbox = new Sandbox();
    sandbox.folder = mkdtempSync(path.join(tmpdir(), 'siu-sandbox-'));
    const doors = ['https', 'http', 'control'].flatMap((door) => [`--${door}`, '127.0.0.1:0']);
    const record = process.env.SIU_RECORD ? ['--record', path.join(process.env.SIU_RECORD, `node-${process.pid}`)] : [];
    sandbox.program = new Program('sandbox', ['sandbox', '--folder', sandbox.folder, '--empty', ...doors, ...record]);
    const greeting = () => sandbox.program.log().match(/Control +(http:\S+)/);
    sandbox.controlUrl = (await sandbox.program.alive(greeting, 'the sandbox to greet'))[1];
    sandbox.ewsUrl = (await sandbox.control('GET', '/')).ews_url;
    sandbox.authority = readFileSync(path.join(sandbox.folder, 'ca.pem'), 'utf8');
    trust(sandbox);
    return sandbox;
  }

  async control(method, route, body) {
    const { hostname, port } = new URL(this.controlUrl);
    return (await request({ method, host: hostname, port, path: route }, body)).json;
  }

  impersonation(granted) {
    return this.control(granted ? 'PUT' : 'DELETE', `/accounts/${account}/impersonation`);
  }

  async stop() {
    await this.program.stop();
    rmSync(this.folder, { recursive: true });
  }
}

export class Updater {
  static async start(sandbox) {
    const updater = new Updater();
    updater.folder = mkdtempSync(path.join(tmpdir(), 'siu-updater-'));
    updater.socket = path.join(updater.folder, 'updater.sock');
    updater.program = new Program('updater', ['run', '--data', path.join(updater.folder, 'data'), '--pipe', updater.socket]);
    await updater.program.alive(() => updater.request('GET', 'status').catch(() => null), 'the updater to answer');
    const { headers, json } = await updater.request('GET', 'settings');
    const settings = {
      ...json.settings,
      enabled: true,
      connection: { ews_url: sandbox.ewsUrl, extra_roots: [sandbox.authority] },
      account: { user: account },
    };
    await updater.request('PUT', 'settings', JSON.stringify({ settings, password }),
      { 'Content-Type': 'application/json', 'If-Match': headers.etag });
    return updater;
  }

  request(method, route, body, headers = {}) {
    return request({ socketPath: this.socket, method, path: `/v1/${route}`, headers }, body);
  }

  async submit(message) {
    return (await this.request('POST', 'messages', message, { 'Content-Type': 'message/rfc822' })).json.id;
  }

  outcome(id) {
    return until(async () => {
      const { json } = await this.request('GET', `messages/${id}`);
      return ['updated', 'skipped', 'failed'].includes(json.state) && json;
    }, 60, `message ${id} to be finished`);
  }

  async stop() {
    await this.program.stop();
    rmSync(this.folder, { recursive: true });
  }
}

// The sandbox's authority is trusted, and port 443 of the sandbox's domain leads to the sandbox: what DNS and a
// certificate store would do. The client itself is left as it is.
function trust(sandbox) {
  const { port } = new URL(sandbox.ewsUrl);
  https.globalAgent.createConnection = (options, done) => {
    const inDomain = /(^|\.)nordwind\.example$/.test(options.host);
    return tls.connect({
      ...options,
      ca: [sandbox.authority],
      servername: options.servername ?? options.host,
      host: inDomain ? '127.0.0.1' : options.host,
      port: inDomain && Number(options.port) === 443 ? Number(port) : options.port,
    }, done);
  };
}

function service(address, credentials = {}) {
  const made = new ews.ExchangeService(ews.ExchangeVersion.Exchange2013);
  made.Credentials = new ews.WebCredentials(account, credentials.password ?? password);
  made.ImpersonatedUserId = new ews.ImpersonatedUserId(ews.ConnectingIdType.SmtpAddress, address);
  made.HttpHeaders.Add('X-AnchorMailbox', address);
  return made;
}

/** The mailbox of `address`, opened by the service account through impersonation. */
export function connect(sandbox, address, credentials) {
  const made = service(address, credentials);
  made.Url = new ews.Uri(sandbox.ewsUrl);
  return made;
}

/** The same, with the server found by Autodiscover. */
export async function discover(sandbox, address) {
  const made = service(address);
  await made.AutodiscoverUrl(address, () => true);
  return made;
}
