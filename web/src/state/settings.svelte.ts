/** What this browser remembers about its user's wishes: look, language, sound. */
import { setRequestLanguage } from '../api/client';

export type Theme = 'night' | 'day' | 'sun';
export type Language = 'vi' | 'en';

const THEMES: readonly Theme[] = ['night', 'day', 'sun'];

function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`trucban.${name}`);
  } catch {
    return null;
  }
}

class Settings {
  theme = $state<Theme>('night');
  language = $state<Language>('vi');
  isMuted = $state(false);

  constructor() {
    const theme = remembered('theme') as Theme | null;
    if (theme && THEMES.includes(theme)) this.theme = theme;
    else if (matchMedia('(max-width: 700px)').matches) this.theme = 'sun';
    this.language = remembered('language') === 'en' ? 'en' : 'vi';
    this.isMuted = remembered('muted') === 'yes';
    this.#apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.#keep('theme', theme);
  }

  nextTheme(): void {
    this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? 'night');
  }

  setLanguage(language: Language): void {
    this.language = language;
    this.#keep('language', language);
  }

  setMuted(isMuted: boolean): void {
    this.isMuted = isMuted;
    this.#keep('muted', isMuted ? 'yes' : 'no');
  }

  #keep(name: string, value: string): void {
    try {
      localStorage.setItem(`trucban.${name}`, value);
    } catch {
      // A browser that forbids storage still works; it only forgets.
    }
    this.#apply();
  }

  #apply(): void {
    document.documentElement.dataset.theme = this.theme;
    document.documentElement.lang = this.language;
    setRequestLanguage(this.language);
  }
}

export const settings = new Settings();
