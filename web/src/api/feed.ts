/**
 * The live feed: one connection, resumed after the last event that was seen. Silence longer than two and a half
 * heartbeats counts as a lost link, so that an old map never looks live.
 */
import { inRoom } from '../room';
import { EventParser } from './sse';
import type { CollectionName, Feature, PositionUpdate, Stale } from './types';

export type FeedEvent =
  | { type: 'change'; seq: number; collection: CollectionName; feature: Feature<object> }
  | { type: 'gone'; seq: number; collection: CollectionName; id: string }
  | { type: 'positions'; seq: number; units: PositionUpdate[] }
  | { type: 'reset'; seq: number; reason: string }
  /** `stale` while the server itself shows an old picture. */
  | { type: 'tick'; seq: number; server_time: string; stale: Stale | null }
  /** Ours: the line opened; unless it was resumed, the picture must be read anew. */
  | { type: 'open'; isResumed: boolean }
  /** Ours: the line was lost (`status` of the refusing answer, 0 when nobody answered). */
  | { type: 'lost'; status: number };

const SILENCE_MAX_MS = 25_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
const KNOWN = new Set(['change', 'gone', 'positions', 'reset', 'tick']);

export interface FeedOptions {
  collections: readonly CollectionName[];
  /** minlon,minlat,maxlon,maxlat */
  bbox?: string;
  hear: (event: FeedEvent) => void;
  signal: AbortSignal;
}

/** Runs until `signal` aborts. */
export async function runFeed(options: FeedOptions): Promise<void> {
  let lastId: string | null = null;
  let retry_ms = RETRY_FIRST_MS;
  while (!options.signal.aborted) {
    let status = 0;
    try {
      status = await connect(options, lastId, (id) => {
        lastId = id;
        retry_ms = RETRY_FIRST_MS;
      });
    } catch {
      // Any fault of the line means the same: lost, try again.
    }
    if (options.signal.aborted) return;
    options.hear({ type: 'lost', status });
    await pause(retry_ms, options.signal);
    retry_ms = Math.min(retry_ms * 2, RETRY_MAX_MS);
  }
}

/** One connection; returns the status of a refusal, or 0 when an open line ended. */
async function connect(
  options: FeedOptions,
  lastId: string | null,
  seen: (id: string) => void,
): Promise<number> {
  const line = new AbortController();
  const stop = () => line.abort();
  options.signal.addEventListener('abort', stop, { once: true });
  let silence = setTimeout(stop, SILENCE_MAX_MS);
  try {
    const query = new URLSearchParams({ collections: options.collections.join(',') });
    if (options.bbox) query.set('bbox', options.bbox);
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (lastId !== null) headers['Last-Event-ID'] = lastId;
    const response = await fetch(inRoom(`/api/feed?${query}`), {
      headers,
      signal: line.signal,
      cache: 'no-store',
    });
    if (!response.ok || !response.body) return response.status;
    options.hear({ type: 'open', isResumed: lastId !== null });
    const parser = new EventParser();
    const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await text.read();
      if (done) return 0;
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MAX_MS);
      for (const event of parser.push(value)) {
        if (event.id !== null) seen(event.id);
        if (KNOWN.has(event.event)) {
          options.hear({ type: event.event, ...JSON.parse(event.data) } as FeedEvent);
        }
      }
    }
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener('abort', stop);
    line.abort();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
