/**
 * One feed connection for all tabs of a browser: a browser opens six connections to a host at most, and a wall of
 * tabs would use them all up. The tab that holds the lock reads the feed and tells the others; when it closes, the
 * next one takes the lock and the line. Without locks (a plain-http address) each tab reads for itself.
 */
import { keptAs } from '../room';
import { runFeed, type FeedEvent, type FeedOptions } from './feed';

type Message = { kind: 'event'; event: FeedEvent } | { kind: 'who' };

/** Runs until the signal aborts; `hear` gets every event, whichever tab reads the line. */
export async function runSharedFeed(options: FeedOptions): Promise<void> {
  if (!navigator.locks || typeof BroadcastChannel === 'undefined') return runFeed(options);
  const name = keptAs(`trucban-feed:${[...options.collections].sort().join(',')}:${options.bbox ?? ''}`);
  const channel = new BroadcastChannel(name);
  let isReader = false;
  let isOpen = false;
  const tell = (message: Message) => channel.postMessage(message);

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'event' && !isReader) options.hear(data.event);
    // A tab that just came asks whether somebody reads: it hears at once instead of at the next heartbeat.
    // The other tabs hear it too and read again; tabs are opened seldom.
    if (data.kind === 'who' && isReader && isOpen)
      tell({ kind: 'event', event: { type: 'open', isResumed: false } });
  };
  tell({ kind: 'who' });
  try {
    await navigator.locks.request(name, { signal: options.signal }, async () => {
      isReader = true;
      await runFeed({
        ...options,
        hear: (event) => {
          isOpen = event.type === 'open' || (isOpen && event.type !== 'lost');
          options.hear(event);
          tell({ kind: 'event', event });
        },
      });
    });
  } catch (thrown) {
    if (!options.signal.aborted) throw thrown;
  } finally {
    channel.close();
  }
}
