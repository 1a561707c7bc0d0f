/** What stands on every sheet that is printed: whose paper it is, whether its data are real, and when they are of. */
import { t } from '../i18n';
import { exact } from '../i18n/format';
import { clock } from './clock.svelte';
import { link } from './link.svelte';
import { router } from './router.svelte';
import { session } from './session.svelte';

/** Sets the texts of the margins (`print.css`) each time a page goes to paper. */
export function markPaper(): () => void {
  const mark = () => {
    const { style } = document.documentElement;
    const set = (name: string, parts: (string | null)[]) =>
      style.setProperty(name, JSON.stringify(parts.filter(Boolean).join(' · ')));
    const words = t().paper;
    const isInside = session.actor !== null && !router.isOpen;
    set('--paper-mark', [
      isInside ? words.mark : null,
      session.exercise ? session.app : null,
      session.isDemo ? words.demo : null,
    ]);
    // A page that is fed shows what it last heard; any other was read when it was opened, and says so itself.
    const isOld = router.isLive && (link.phase === 'lost' || link.stale !== null);
    set('--paper-foot', [
      words.printed(exact(clock.read_ms()), session.label),
      isOld && link.current_ms !== null ? words.old(exact(link.current_ms)) : null,
    ]);
  };
  window.addEventListener('beforeprint', mark);
  return () => window.removeEventListener('beforeprint', mark);
}
