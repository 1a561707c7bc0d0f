import { describe, expect, it } from 'vitest';
import { EventParser } from './sse';

describe('EventParser', () => {
  it('reads events that arrive in any pieces', () => {
    const text =
      'id: 7\nevent: change\ndata: {"a":1}\n\n: comment\r\nevent: tick\r\ndata: x\r\ndata: y\r\n\r\n';
    for (let cut = 1; cut < text.length; cut++) {
      const parser = new EventParser();
      const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
      expect(events).toEqual([
        { event: 'change', data: '{"a":1}', id: '7' },
        { event: 'tick', data: 'x\ny', id: '7' },
      ]);
    }
  });

  it('drops an event without data', () => {
    expect(new EventParser().push('event: change\n\n')).toEqual([]);
  });

  it('refuses an endless event', () => {
    const parser = new EventParser();
    expect(() => parser.push('x'.repeat(4_000_001))).toThrow('too long');
  });
});
