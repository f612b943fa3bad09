// What all tests of pages ask of a page: nothing from elsewhere, no error, no barrier, nothing that scrolls sideways.
import AxeBuilder from '@axe-core/playwright';
import { expect } from '@playwright/test';
import { cookieOf } from './world.mjs';

const base = process.env.LJ_BASE;

/** Collect what a page does that it must not; returns what checks it. */
export function watch(page) {
  const strangers = [], complaints = [];
  page.on('request', (r) => { if (!r.url().startsWith(base + '/') && !r.url().startsWith('data:')) strangers.push(r.url()); });
  page.on('pageerror', (e) => complaints.push(e.message));
  page.on('console', (m) => { if (/Content Security Policy/i.test(m.text())) complaints.push(m.text()); });
  return () => {
    expect(strangers, 'requests that leave the host').toEqual([]);
    expect(complaints, 'errors of the page').toEqual([]);
  };
}

export async function barrierFree(page) {
  const found = (await new AxeBuilder({ page }).analyze()).violations.filter((v) => ['serious', 'critical'].includes(v.impact));
  expect(found.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).slice(0, 3).join(' | ')}`)).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide, 'the page does not scroll sideways').toBeLessThanOrEqual(0);
}

/** Wide and light, narrow and dark: the two that differ most. */
export async function barrierFreeTwice(page) {
  await page.emulateMedia({ colorScheme: 'light' });
  await barrierFree(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await barrierFree(page);
}

/** A page of somebody who is logged in. */
export async function open(page, login, hash) {
  const [name, value] = (await cookieOf(login)).split('=');
  await page.context().addCookies([{ name, value, url: base, httpOnly: true, sameSite: 'Strict' }]);
  await page.goto('about:blank'); // another # alone would be the same page
  await page.goto('/' + hash);
}
