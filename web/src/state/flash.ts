/**
 * The one beat by which alarms flash: `data-flash` of the page turns on and off, and what flashes has a look for "on".
 * An animation would look the same and have the browser draw sixty times a second for as long as an alarm waits.
 */

/** A flash a second: slower than what harms people (three a second), quick enough to catch the eye. */
const HALF_MS = 500;

/** Flashes until the answer is called. */
export function flash(): () => void {
  const { dataset } = document.documentElement;
  const timer = setInterval(() => (dataset['flash'] = dataset['flash'] === 'on' ? 'off' : 'on'), HALF_MS);
  return () => {
    clearInterval(timer);
    delete dataset['flash'];
  };
}
