// Which pages there are, for whom, and where one is: the address behind # names the page.
import { useEffect, useState } from './vendor/htm-preact.js';

const REVIEWERS = ['UNIT_ADMIN', 'UNIT_LEADER', 'CENTRE_OPERATOR', 'CENTRE_AUDITOR', 'unit_admin'];
/** What is shown to whom is a help, no protection: the server gives nobody more than he may see. */
export const PAGES = [
  { key: '', zh: '总览', en: 'Overview', roles: null },
  { key: 'review', zh: '审核', en: 'Review', roles: REVIEWERS },
  { key: 'flags', zh: '提示', en: 'Flags', roles: REVIEWERS },
  { key: 'stats', zh: '统计', en: 'Statistics', roles: [...REVIEWERS, 'POLICY_ADMIN', 'OPINION_DUTY', 'OBSERVER', 'observer', 'operator'] },
  { key: 'mail', zh: '站内信', en: 'Mail', roles: [...REVIEWERS, 'POLICY_ADMIN', 'OPINION_DUTY'] },
];

export const pagesOf = (me) => PAGES.filter((p) => !p.roles || me.role.split(',').some((r) => p.roles.includes(r)));

const parse = () => location.hash.replace(/^#\/?/, '').split('/').map((x) => { try { return decodeURIComponent(x); } catch { return ''; } });

/** [page, the rest ...] of the address. */
export function usePlace() {
  const [place, setPlace] = useState(parse);
  useEffect(() => {
    const moved = () => setPlace(parse());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return place;
}
