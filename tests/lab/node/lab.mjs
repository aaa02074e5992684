// Starts the sandbox organisation and connects ews-javascript-api to it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import ews from 'ews-javascript-api';

const project = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../..');
const program = process.env.SIU_UPDATER ?? path.join(project, 'target/debug/siu-updater');
const logs = process.env.SIU_LAB_LOGS ?? path.join(project, 'target/lab/logs');

/** Polls until the condition holds and returns what it found. */
export async function until(condition, seconds, what) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
