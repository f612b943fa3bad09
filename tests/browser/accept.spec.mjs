// An invitation is accepted by its link, once; then the account is activated and its person logs in.
import { expect, test } from '@playwright/test';
import { barrierFreeTwice, watch } from './see.mjs';
import { event, ljctl, logIn, send } from './system.mjs';
import { until } from './world.mjs';

test('a link sets a password, once', async ({ page }) => {
  const clean = watch(page), login = 'guest_ji', password = '一个很长的新密码';
  await send([event('account.invited', 'PS004', { login, name: '来宾己', roles: ['UNIT_ADMIN'] })]);
  const token = await until('the invitation', () => { try { return [JSON.parse(ljctl('account', 'link', login, '--output', 'json'))].flat()[0].token; } catch { return null; } });
  await page.goto('/#/accept/no-such-link');
  await expect(page.getByRole('alert')).toContainText('链接无效');
  await page.goto('about:blank');
  await page.goto('/#/accept/' + token);
  await expect(page.locator('.facts')).toContainText('来宾己');
  await barrierFreeTwice(page);
  await page.getByLabel('密码').fill(password);
  await page.getByLabel('再次输入').fill('别的');
  await page.getByRole('button', { name: '设定密码' }).click();
  await expect(page.getByRole('alert')).toContainText('不一致');
  await page.getByLabel('再次输入').fill(password);
  await page.getByRole('button', { name: '设定密码' }).click();
  await expect(page.getByRole('status')).toContainText('密码已设定');
  await page.goto('about:blank');
  await page.goto('/#/accept/' + token);
  await expect(page.getByRole('alert')).toContainText('链接已被使用');
  expect((await logIn(login, password)).status).toBe(401); // not activated yet
  await until('the activation', () => { try { ljctl('account', 'activate', login); return true; } catch { return false; } });
  await until('a login', async () => (await logIn(login, password)).status === 200, 20);
  clean();
});
