// What a person has set for this browser: theme and size. Kept in localStorage, applied to <html>, announced to whoever draws.
const root = document.documentElement;
const listeners = new Set();
const read = (key, allowed) => { try { const v = localStorage.getItem(key); return allowed.includes(v) ? v : allowed[0]; } catch { return allowed[0]; } };
const write = (key, v) => { try { localStorage.setItem(key, v); } catch { /* private mode: it holds for this page */ } };

const THEMES = ['auto', 'light', 'dark'], SIZES = ['normal', 'large'];
export const prefs = { theme: read('lj-theme', THEMES), size: read('lj-size', SIZES) };

function apply() {
  root.dataset.theme = prefs.theme;
  root.dataset.size = prefs.size;
  for (const f of listeners) f();
}
export const nextTheme = () => { prefs.theme = THEMES[(THEMES.indexOf(prefs.theme) + 1) % THEMES.length]; write('lj-theme', prefs.theme); apply(); };
export const nextSize = () => { prefs.size = SIZES[(SIZES.indexOf(prefs.size) + 1) % SIZES.length]; write('lj-size', prefs.size); apply(); };
export const onPrefs = (f) => { listeners.add(f); return () => listeners.delete(f); };
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
apply();
