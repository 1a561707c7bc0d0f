/**
 * Keyboard commands of the page. No key acts while somebody types: a letter belongs to the field that has the focus.
 * Components bind keys for as long as they live; the newest binding of a key wins.
 */

import { untrack } from 'svelte';

export interface KeyCommand {
  /** `KeyboardEvent.key`, lower case for letters. */
  key: string;
  /** What it does, for the help list. */
  label: () => string;
  run: () => void;
}

/** True while the focus is where letters are written. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
    return true;
  if (!(target instanceof HTMLInputElement)) return false;
  return !['button', 'checkbox', 'radio', 'range', 'submit', 'reset'].includes(target.type);
}

class Keys {
  commands = $state.raw<readonly KeyCommand[]>([]);
  isHelpOpen = $state(false);

  constructor() {
    addEventListener('keydown', (event) => this.#hear(event));
  }

  /** Binds commands; the answer unbinds them. Made for `$effect(() => keys.bind([...]))`. */
  bind(commands: readonly KeyCommand[]): () => void {
    // The list is written here, not read for its own sake: an effect that binds must not wake itself.
    this.commands = [...untrack(() => this.commands), ...commands];
    return () => {
      this.commands = untrack(() => this.commands).filter((command) => !commands.includes(command));
    };
  }

  #hear(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (isTyping(event.target)) return;
    // What lies behind a modal dialog hears nothing, and Escape closes the dialog; the key of the help closes the help.
    const isBehind = document.querySelector('dialog:modal') !== null;
    if (isBehind && !(this.isHelpOpen && event.key === '?')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = this.commands.findLast((candidate) => candidate.key === key);
    if (!command) return;
    event.preventDefault();
    command.run();
  }
}

export const keys = new Keys();
