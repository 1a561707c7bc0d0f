// A PostgreSQL of one test's own, on loopback, that can be stopped and started again under a running server.

import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './support.mjs';

const INSTALLED = '/usr/lib/postgresql';

function programs() {
  try {
    const version = readdirSync(INSTALLED).sort((a, b) => Number(a) - Number(b)).at(-1);
    return path.join(INSTALLED, version, 'bin');
  } catch {
    throw new Error('this test needs the package postgresql-15-postgis-3: apt-get install postgresql-15-postgis-3');
  }
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** `url` is that of an empty database; `stop()` and `start()` take it away and bring it back, `remove()` ends it. */
export async function startDatabase() {
  const bin = programs();
  const dir = mkdtempSync(path.join(tmpdir(), 'trucban-pg-'));
  // PostgreSQL refuses to run as root.
  const asUser = process.getuid() === 0 ? ['runuser', '-u', 'postgres', '--'] : ['env'];
  if (process.getuid() === 0) {
    const number = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    chownSync(dir, number('-u'), number('-g'));
  }
  const run = (program, ...args) =>
    execFileSync(asUser[0], [...asUser.slice(1), path.join(bin, program), ...args], { cwd: dir, stdio: 'pipe' });
  const data = path.join(dir, 'data');
  run('initdb', '-D', data, '-U', 'trucban', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync');
  const port = await freePort();
  const psql = (sql) => run('psql', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'trucban', '-d', 'postgres', '-c', sql);
  let child;
  const start = async () => {
    const options = ['-D', data, '-p', `${port}`, '-k', dir, '-c', 'listen_addresses=127.0.0.1'];
    child = spawn(asUser[0], [...asUser.slice(1), path.join(bin, 'postgres'), ...options], { cwd: dir, stdio: 'ignore' });
    await until(() => psql('SELECT 1'), 'PostgreSQL answers', 60_000);
  };
  const stop = async () => {
    const ended = new Promise((resolve) => child.on('exit', resolve));
    run('pg_ctl', 'stop', '-D', data, '-m', 'fast', '-w');
    await ended;
  };
  await start();
  psql('CREATE DATABASE trucban');
  return {
    url: `postgres://trucban@127.0.0.1:${port}/trucban`,
    start,
    stop,
    async remove() {
      if (child.exitCode === null) await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
