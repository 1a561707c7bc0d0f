/** Reads a `text/event-stream` body. Our own reader, because `EventSource` tells neither the status nor silence. */

export interface ServerEvent {
  event: string;
  data: string;
  id: string | null;
}

/** The longest event that is accepted, in characters; a longer one means that this is not our feed. */
const EVENT_CHARS_MAX = 4_000_000;

/** Splits text that arrives in any pieces into events. */
export class EventParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | null = null;

  push(text: string): ServerEvent[] {
    this.#rest += text;
    if (this.#rest.length > EVENT_CHARS_MAX) throw new Error('event too long');
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    const events: ServerEvent[] = [];
    for (const line of lines) {
      const done = this.#line(line);
      if (done) events.push(done);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === '') {
      const event =
        this.#data.length > 0 ? { event: this.#event || 'message', data: this.#data.join('\n') } : null;
      this.#event = '';
      this.#data = [];
      return event && { ...event, id: this.#id };
    }
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#id = value;
    return null;
  }
}
