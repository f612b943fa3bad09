// The first page, seen by a person: log in, see figures move, parts restarted under it, both themes without barriers.
import { expect, test } from '@playwright/test';
import { barrierFree, watch } from './see.mjs';
import { adminPassword, feedback, killAndWait, send } from './system.mjs';

let clean;
test.beforeEach(({ page }) => { clean = watch(page); });
test.afterEach(() => clean());

async function logIn(page) {
  await page.goto('/');
  await page.getByLabel('账号').fill('admin');
  await page.getByLabel('密码').fill(adminPassword());
  await page.getByRole('button', { name: '登录' }).click();
  await expect(page.locator('.tile')).toHaveCount(5);
}

const position = async (page) => Number((await page.locator('[data-live=position]').textContent()).replace(/\D/g, ''));

test('a wrong password is said, the right one shows the page', async ({ page }) => {
  await page.goto('/');
  await page.getByLabel('账号').fill('admin');
  await page.getByLabel('密码').fill('not the password');
  await page.getByRole('button', { name: '登录' }).click();
  await expect(page.getByRole('alert')).toContainText('账号或密码不正确');
  await page.getByLabel('密码').fill(adminPassword());
  await page.getByRole('button', { name: '登录' }).click();
  await expect(page.locator('.tile')).toHaveCount(5);
  await expect(page.locator('.units tbody tr')).toHaveCount(58); // 51 units, six that were addressed and have not registered, and the Centre
  await expect(page.locator('.units tbody tr').filter({ hasText: '已发文未注册' })).toHaveCount(6);
});

test('the counter and the list move when events come', async ({ page }) => {
  await logIn(page);
  await expect(page.locator('.pill.live')).toBeVisible();
  const before = await position(page);
  const last = await send([feedback(), feedback(), feedback()]);
  expect(last).toBeGreaterThan(before);
  await expect.poll(() => position(page)).toBeGreaterThanOrEqual(last);
  await expect(page.locator('.events li').filter({ hasText: '反馈' }).first()).toBeVisible();
});

test('the broker is killed under it and the page goes on', async ({ page }) => {
  await logIn(page);
  await killAndWait('broker');
  const last = await send([feedback()]);
  await expect.poll(() => position(page)).toBeGreaterThanOrEqual(last);
  await expect(page.locator('[data-tile=rate] .say')).toContainText('正在受理');
  await expect(page.locator('.bar')).toHaveCount(0);
});

test('the gateway is killed under it: the login has ended, and says so', async ({ page }) => {
  await logIn(page);
  await killAndWait('gateway');
  await expect(page.getByRole('alert').filter({ hasText: '登录已结束' })).toBeVisible();
  await expect(page.locator('.verdict')).toContainText('暂不能判断');
  await page.getByRole('button', { name: '重新登录' }).click();
  await page.getByLabel('账号').fill('admin');
  await page.getByLabel('密码').fill(adminPassword());
  await page.getByRole('button', { name: '登录' }).click();
  await expect(page.locator('.tile')).toHaveCount(5);
});

test('figures that stand still are shown as such', async ({ page }) => {
  await logIn(page);
  await page.route('**/v1/board*', (r) => r.abort());
  await expect(page.getByRole('alert')).toContainText('数据停留在');
  await expect(page.locator('.verdict')).toContainText('暂不能判断'); // old figures say nothing about now
  await expect(page.locator('.tile.ok, .tile.warn, .tile.bad')).toHaveCount(0);
  await page.unroute('**/v1/board*');
  await expect(page.locator('.bar')).toHaveCount(0);
});

test('logging out ends it', async ({ page }) => {
  await logIn(page);
  await page.getByRole('button', { name: '退出' }).click();
  await expect(page.getByLabel('账号')).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('账号')).toBeVisible();
});

for (const scheme of ['light', 'dark']) {
  for (const [name, width, height] of [['1366x768', 1366, 768], ['phone', 390, 844]]) {
    test(`no barriers: ${scheme}, ${name}`, async ({ page }) => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme });
      await page.goto('/');
      await expect(page.getByLabel('账号')).toBeVisible();
      await barrierFree(page);
      await logIn(page);
      await expect(page.locator('.units tbody tr').first()).toBeVisible();
      await barrierFree(page);
    });
  }
}
