/** The one road from the page to the server: headers, time limits, problems. */
import { inRoom } from '../room';
import { Problem } from './problem';
import { uuidV7 } from './uuid';

const READ_TIMEOUT_MS = 15_000;
const WRITE_TIMEOUT_MS = 20_000;

export interface Answer<T> {
  data: T;
  /** Version of the record, from `ETag`; `null` where the answer has none. */
  version: number | null;
}

export interface WriteOptions {
  /** Keep one key for all attempts of the same write, so that it happens once. */
  key?: string;
  /** Version that the caller has seen (`If-Match`). */
  version?: number;
  method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
}

let language: 'vi' | 'en' = 'vi';

/** Language in which the server words its problems. */
export function setRequestLanguage(next: 'vi' | 'en'): void {
  language = next;
}

/**
 * Reads JSON.
 * @throws {Problem} always a Problem, also without a link.
 */
export async function read<T>(
  path: string,
  parameters: Record<string, string | number | boolean | null | undefined> = {},
  signal?: AbortSignal,
): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value != null) query.set(name, String(value));
  const url = query.size > 0 ? `${path}?${query}` : path;
  return (await send<T>(url, { method: 'GET' }, READ_TIMEOUT_MS, signal)).data;
}

/**
 * Writes JSON with an idempotency key.
 * @throws {Problem} `isUnknownOutcome` tells whether the same key may have been carried out.
 */
export async function write<T>(path: string, body: unknown, options: WriteOptions = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { 'Idempotency-Key': options.key ?? uuidV7() };
  if (options.version !== undefined) headers['If-Match'] = `"${options.version}"`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const init: RequestInit = { method: options.method ?? 'POST', headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  return send<T>(path, init, WRITE_TIMEOUT_MS);
}

/** How long a sheet of some thousand rows may take over a slow line. */
const UPLOAD_TIMEOUT_MS = 10 * 60_000;

/** Sends a file as it is. It has no idempotency key: the server knows rows again. */
export async function upload<T>(path: string, query: URLSearchParams, file: Blob): Promise<T> {
  const headers = { 'Content-Type': 'application/octet-stream' };
  return (await send<T>(`${path}?${query}`, { method: 'POST', headers, body: file }, UPLOAD_TIMEOUT_MS)).data;
}

/** A question too long for a URL: a POST that changes nothing and therefore needs no key. */
export async function ask<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { 'Content-Type': 'application/json' };
  const init: RequestInit = { method: 'POST', headers, body: JSON.stringify(body) };
  return (await send<T>(path, init, READ_TIMEOUT_MS, signal)).data;
}

/** The newest change that an answer to a write of ours told of. */
let written_seq = 0;

async function send<T>(
  url: string,
  init: RequestInit,
  timeout_ms: number,
  signal?: AbortSignal,
): Promise<Answer<T>> {
  const response = await call(url, init, timeout_ms, signal);
  const etag = /"(\d+)"/.exec(response.headers.get('ETag') ?? '');
  const version = etag ? Number(etag[1]) : null;
  if (response.status === 204) return { data: undefined as T, version };
  try {
    return { data: (await response.json()) as T, version };
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    throw Problem.local('bad_answer');
  }
}

/**
 * One request, whatever it carries.
 * @throws {Problem} for every answer that is none of success.
 */
export async function call(
  url: string,
  init: RequestInit,
  timeout_ms: number,
  signal?: AbortSignal,
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('Accept', 'application/json');
  headers.set('Accept-Language', language);
  // Another server may answer than the one that took our last write: it shall know of it.
  if (written_seq > 0) headers.set('Min-Seq', String(written_seq));
  const limit = AbortSignal.timeout(timeout_ms);
  let response: Response;
  try {
    response = await fetch(inRoom(url), {
      ...init,
      headers,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      credentials: 'same-origin',
    });
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    throw Problem.from(thrown);
  }
  written_seq = Math.max(written_seq, Number(response.headers.get('Seq') ?? 0));
  if (!response.ok) {
    const problem = await Problem.of(response);
    // A store that was taken back to an earlier time never comes so far.
    if (problem.code === 'behind') written_seq = 0;
    throw problem;
  }
  return response;
}

/** True for the abort that a caller asked for itself: never worth a message. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError';
}
