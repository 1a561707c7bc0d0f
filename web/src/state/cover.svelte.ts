/**
 * The cover of the screen: one key hides everything while alarms go on sounding, a PIN shows it again. The PIN is this
 * browser's own; it keeps passers-by from reading, and does not stand in for signing out. What is covered stays covered
 * over a reload and in every tab.
 */
import { session } from './session.svelte';

const KEY = 'trucban.cover';
const PIN_KEY = 'trucban.pin';
const PIN = /^\d{4,8}$/;
/** Slow enough that nobody goes through all PINs of a copied browser profile in a lunch break. */
const ROUNDS = 600_000;
/** Wrong PINs before the session ends. */
const TRIES_MAX = 5;

interface Kept {
  account: string;
  salt: string;
  hash: string;
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

async function hashOf(pin: string, salt: string): Promise<string> {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey('raw', encoder.encode(pin), 'PBKDF2', false, ['deriveBits']);
  const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: encoder.encode(salt), iterations: ROUNDS };
  return hex(new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 256)));
}

function kept(): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(PIN_KEY) ?? 'null') as Kept | null;
  } catch {
    return null;
  }
}

class Cover {
  isOn = $state(localStorage.getItem(KEY) === 'on');
  /** A PIN is being chosen, after which the screen is covered. */
  isChoosing = $state(false);
  /** Wrong PINs since the cover was last lifted. */
  #tries = 0;

  constructor() {
    addEventListener('storage', (event) => {
      if (event.key === KEY) this.isOn = event.newValue === 'on';
    });
  }

  /** Whether this account has chosen a PIN in this browser. */
  hasPin(): boolean {
    return kept()?.account === session.actor?.name;
  }

  isPin(pin: string): boolean {
    return PIN.test(pin);
  }

  async choose(pin: string): Promise<void> {
    const salt = hex(crypto.getRandomValues(new Uint8Array(16)));
    const account = session.actor?.name ?? '';
    const entry: Kept = { account, salt, hash: await hashOf(pin, salt) };
    localStorage.setItem(PIN_KEY, JSON.stringify(entry));
  }

  /** Covers the screen, or asks for a PIN first. */
  begin(): void {
    if (!session.actor || this.isOn) return;
    this.isChoosing = !this.hasPin();
    if (!this.isChoosing) this.put();
  }

  put(): void {
    this.isChoosing = false;
    localStorage.setItem(KEY, 'on');
    this.isOn = true;
  }

  /** Lifts the cover if the PIN is right; after too many wrong ones the session ends instead. */
  async lift(pin: string): Promise<boolean> {
    const entry = kept();
    if (entry && (await hashOf(pin, entry.salt)) === entry.hash) {
      this.#tries = 0;
      this.#remove();
      return true;
    }
    this.#tries += 1;
    if (this.#tries >= TRIES_MAX) await this.leave();
    return false;
  }

  /** Ends the session, for whoever does not know the PIN; the cover goes with it. */
  async leave(): Promise<void> {
    await session.leave();
    this.#remove();
    localStorage.removeItem(PIN_KEY);
  }

  #remove(): void {
    localStorage.removeItem(KEY);
    this.isOn = false;
  }
}

export const cover = new Cover();
