// Flags and the mailbox: both reports beside each other, an explanation and a decision by those whose they are; a letter that is read, signed, answered.
import { expect, test } from '@playwright/test';
import { barrierFreeTwice, open, watch } from './see.mjs';
import { event, send } from './system.mjs';
import { judged, read, report, say, until, world } from './world.mjs';

let clean;
test.beforeAll(world);
test.beforeEach(({ page }) => { clean = watch(page); });
test.afterEach(() => clean());

test('two reports of the same persons at one time: read, explained, decided', async ({ page }) => {
  const title = '时间重叠的一课', first = await say('p_filler', 'activity.submitted', 'PS001', report('先上报的那一课', 70));
  const second = await say('p_filler', 'activity.submitted', 'PS001', report(title, 69.5, { audience: 77 }));
  await judged('p_chief', first);
  const flag = await until('the flag', async () => (await read('p_chief', '/v1/flags?code=V09')).items.find((f) => f.activity === second));
  expect(await read('p_other', '/v1/flags/' + flag.id)).toBeNull(); // another unit's: not there
  expect((await read('p_other', '/v1/flags')).items.filter((f) => f.unit !== 'PS003')).toEqual([]);
  await open(page, 'p_chief', '#/flags');
  await page.getByLabel('种类').selectOption('V09');
  await page.locator('.row', { hasText: title }).getByRole('link').first().click();
  await expect(page.getByRole('row', { name: /现场受众/ })).toContainText('77 人');
  await expect(page.getByRole('row', { name: /名单 相同/ })).toContainText('示例甲');
  await barrierFreeTwice(page);
  await page.getByLabel(/说明情况/).fill('系同一次活动的两个场次,时间填写有误');
  await page.getByRole('button', { name: '说明', exact: true }).click();
  await expect(page.locator('.title-card')).toContainText('已说明');
  await open(page, 'p_auditor', '#/flags/' + flag.id);
  await expect(page.locator('.story')).toContainText('时间填写有误');
  await page.getByRole('radio', { name: '排除' }).check();
  await page.getByLabel(/理由/).fill('说明属实');
  await page.getByRole('button', { name: '提交:排除' }).click();
  await expect(page.locator('.title-card')).toContainText('已排除');
});

test('a letter is read by opening it, then signed; another is answered', async ({ page }) => {
  await send([event('mail.broadcast_requested', 'CN000', { scope: 'list', units: ['PS001'], title: '请签收的通知', body: '请于月底前报送材料。', needs: 'SIGN' }),
    event('mail.broadcast_requested', 'CN000', { scope: 'list', units: ['PS001'], title: '请答复的通知', body: '请答复<i>是否</i>参加。', needs: 'REPLY' })]);
  await until('the letters', async () => (await read('p_chief', '/v1/mail')).items.filter((m) => /^请(签收|答复)的通知$/.test(m.title)).length === 2);
  expect((await read('p_other', '/v1/mail')).items.filter((m) => m.title === '请签收的通知')).toEqual([]);
  await open(page, 'p_chief', '#/mail');
  const sign = page.locator('.letter', { hasText: '请签收的通知' }), reply = page.locator('.letter', { hasText: '请答复的通知' });
  await expect(sign).toContainText('未读');
  await sign.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(sign).toContainText('已读');
  await barrierFreeTwice(page);
  await sign.getByRole('button', { name: '签收' }).click();
  await expect(sign).toContainText('已签收');
  await reply.locator('summary').click();
  await expect(reply).toContainText('请答复<i>是否</i>参加'); // text is text
  await reply.getByLabel(/回复内容/).fill('参加');
  await reply.getByRole('button', { name: '回复' }).click();
  await expect(reply).toContainText('已回复');
});
