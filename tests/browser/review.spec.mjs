// The review queue by its promises: one's own units, four eyes, a decision that is judged, and what is refused is said.
import { expect, test } from '@playwright/test';
import { barrierFreeTwice, open, watch } from './see.mjs';
import { judged, read, report, say, until, world } from './world.mjs';

let clean;
test.beforeAll(world);
test.beforeEach(({ page }) => { clean = watch(page); });
test.afterEach(() => clean());

const file = async (login, title, ago, more) => {
  const id = await say(login, 'activity.submitted', login === 'p_other' ? 'PS003' : 'PS001', report(title, ago, more));
  await until(title + ' to be judged', async () => (await read(login === 'p_other' ? login : 'p_chief', '/v1/activities/' + id)));
  return id;
};

test('a report is read and approved, by another than who sent it', async ({ page }) => {
  await file('p_filler', '<b>引号"与尖括号</b>的一课', 20);
  await file('p_chief', '管理员自己填的一课', 22);
  await file('p_other', '别的单位的一课', 24);
  await open(page, 'p_chief', '#/review');
  await expect(page.getByRole('link', { name: '别的单位的一课' })).toHaveCount(0);
  await expect(page.locator('.row', { hasText: '管理员自己填的一课' })).toContainText('本人提交,不能审核');
  await page.getByRole('link', { name: '<b>引号"与尖括号</b>的一课' }).click(); // text is text
  await expect(page.getByRole('heading', { name: '名单' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: '示例甲' })).toBeVisible();
  await page.getByRole('radio', { name: '退回' }).check();
  await page.getByRole('button', { name: '提交:退回' }).click();
  await expect(page.locator('textarea:invalid')).toBeVisible(); // not without a reason
  await page.getByRole('radio', { name: '批准' }).check();
  await page.getByRole('button', { name: '提交:批准' }).click();
  await expect(page.getByRole('status').filter({ hasText: '已办理' })).toBeVisible();
  await expect(page.locator('.title-card')).toContainText('已批准');
  await page.goto('/#/review');
  await page.getByRole('link', { name: '管理员自己填的一课' }).click();
  await expect(page.locator('.decide')).toContainText('须由他人办理');
  await expect(page.getByRole('radio')).toHaveCount(0);
});

test('what was decided meanwhile is refused, and says why', async ({ page }) => {
  const id = await file('p_filler', '已被另一人退回的一课', 26);
  await open(page, 'p_chief', '#/review/' + id);
  await page.getByRole('radio', { name: '批准' }).check();
  await judged('p_chief', await say('p_chief', 'activity.returned', 'PS001', { activity: id, version: 1, reason: '人数与照片不符' }));
  await page.getByRole('button', { name: '提交:批准' }).click();
  await expect(page.getByRole('alert')).toContainText('状态或版本已变');
});

test('the Centre revokes what counts, and confirms that it means it', async ({ page }) => {
  const id = await file('p_filler', '将被撤销的一课', 28);
  await judged('p_chief', await say('p_chief', 'activity.approved', 'PS001', { activity: id, version: 1 }));
  await open(page, 'p_auditor', '#/review/' + id);
  await page.getByRole('radio', { name: '撤销' }).check();
  await page.getByLabel('撤销原因').fill('经核实未举办');
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: '提交:撤销' }).click();
  await expect(page.locator('.title-card')).toContainText('已撤销');
  await expect(page.locator('.story')).toContainText('经核实未举办');
});

test('nobody sees another unit’s, an observer has no queue, an empty one says so', async ({ page }) => {
  const id = await file('p_filler', '不给别人看的一课', 32);
  await open(page, 'p_other', '#/review/' + id);
  await expect(page.getByRole('alert')).toContainText('不属于您的单位');
  await open(page, 'p_watcher', '#/review');
  await expect(page.locator('.tile')).toHaveCount(5); // no such page for him
  await expect(page.getByRole('link', { name: '审核' })).toHaveCount(0);
  await page.route('**/v1/review*', (r) => r.fulfill({ json: { items: [], more: false } }));
  await open(page, 'p_chief', '#/review');
  await expect(page.locator('.empty')).toContainText('没有待审核的活动');
  await page.route('**/v1/review*', (r) => r.abort());
  await page.reload();
  await expect(page.getByRole('alert')).toContainText('无法连接到服务');
});

test('no barriers on the queue and on an activity', async ({ page }) => {
  const id = await file('p_filler', '无障碍的一课', 34, { content: ['LECTURE'], guidance_minutes: 10 });
  await open(page, 'p_chief', '#/review');
  await expect(page.locator('.row').first()).toBeVisible();
  await barrierFreeTwice(page);
  await page.goto('/#/review/' + id);
  await expect(page.locator('.decide')).toBeVisible();
  await page.getByRole('radio', { name: '退回' }).check();
  await barrierFreeTwice(page);
});
