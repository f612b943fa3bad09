// Statistics: figures as a chart and a table, what few stand behind is not shown, a file, and nobody sees more than his subtree.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { barrierFreeTwice, open, watch } from './see.mjs';
import { ljctl } from './system.mjs';
import { judged, read, report, say, until, world } from './world.mjs';

test('figures, a star for few persons, a file, one’s own units alone', async ({ page }) => {
  const clean = watch(page);
  await world();
  const id = await say('p_filler', 'activity.submitted', 'PS001', report('=计入统计的一课', 80));
  await judged('p_chief', id);
  await judged('p_chief', await say('p_chief', 'activity.approved', 'PS001', { activity: id, version: 1 }));
  await until('the figures', async () => { ljctl('report', 'activities'); return (await read('p_chief', '/v1/reports/activities')).rows[0].activities > 0; }); // it folds; else a day would
  expect((await read('p_other', '/v1/reports/activities')).rows).toEqual([]);
  expect(await read('p_other', '/v1/reports/activities?unit=PS001')).toBeNull();
  expect(await read('p_filler', '/v1/reports/activities')).toBeNull();
  expect(await read('p_watcher', '/v1/reports/flags')).toBeNull();
  expect(await read('p_auditor', '/v1/reports/activities?by=unit&rank=minutes')).toBeNull(); // policy does not allow it
  await open(page, 'p_auditor', '#/stats');
  await expect(page.locator('.figures .total')).toContainText('合计');
  await expect(page.locator('.figures .total [aria-label="不足五人,不显示"]').first()).toBeVisible();
  await expect(page.locator('.bars canvas')).toBeVisible();
  await page.getByLabel('分类').selectOption('unit');
  await expect(page.getByRole('rowheader', { name: /PS001/ })).toBeVisible();
  await barrierFreeTwice(page);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '下载 CSV' }).click()]);
  const text = readFileSync(await file.path(), 'utf8');
  expect(text.charCodeAt(0)).toBe(0xfeff);
  expect(text).toContain('"PS001"');
  clean();
});
