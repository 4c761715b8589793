// The dashboard in Chromium, on the real collector, the real agent with its probes, and the demo's forum on nginx.
//
// The tests are one story in order: what a team sees between signing in and the end of a day. Each leaves the page as the next finds it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { World, request, until } from '../system/lib/harness.mjs';
import { NARROW, WIDE, accessibilityFaults, openBrowser, screenshot } from './lib/browser.mjs';

const HOST = 'forum.example.com';
const MEMBERS = 30;

let world, forum, collector, wire, origin, browser, page;

/** One visit of one member, answered by nginx and seen by the agent on its way. */
async function visit(member, route, { method = 'GET', body } = {}) {
	const headers = { host: HOST, cookie: `member=m${member}` };
	if (body) headers['content-type'] = 'application/x-www-form-urlencoded';
	const answer = await request(forum.url + route, { method, headers, body });
	assert.ok(answer.status < 400, `${method} ${route}: ${answer.status}`);
}

const shanghaiToday = () => new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
const notice = {
	service: 'forum',
	authority: '杭州市互联网信息办公室',
	level: 'prefecture',
	reference: '杭网办〔2026〕12号',
	received_on: shanghaiToday(),
};
const forumService = async () => (await collector.call('GET', '/api/v1/services')).json.services.find((s) => s.name === 'forum');

before(async () => {
	world = new World('browser');
	forum = await world.forum();
	collector = await world.collector({
		settings: { services: [{ name: 'forum', title: 'Test forum', hosts: [HOST], assessed: ['F01', 'F09'], assessed_on: '2026-03-02' }] },
	});
	await world.agent(collector, { settings: { account_cookies: ['member'], probe_ports: [forum.port], window_ms: 1000 } });
	for (let member = 0; member < MEMBERS; member++) {
		await visit(member, '/forum/threads');
		await visit(member, `/forum/threads/${4000 + member}`);
		await visit(member, `/forum/threads/${4000 + member}/comments`, { method: 'POST', body: 'text=hello' });
	}
	await until('the forum is known with its members', async () => {
		const service = await forumService();
		return service?.users?.kind === 'account' && Math.round(service.users.users) === MEMBERS && service;
	}, { within: 60_000 });
	wire = await world.relay(collector.apiPort);
	origin = `https://127.0.0.1:${wire.port}`;
	browser = await openBrowser(world, origin);
	page = browser.page;
}, { timeout: 120_000 });

after(async () => {
	await browser?.context.close();
	await world?.close();
});

test('a wrong code is refused in words, at its field', async () => {
	await page.goto(`${origin}/login`);
	await page.getByLabel('One-time code').fill('not-a-code');
	await page.getByRole('button', { name: 'Sign in' }).click();
	const refusal = page.getByRole('alert');
	await until('the refusal is said', async () => (await refusal.textContent()).length > 10);
	assert.equal(await page.getByLabel('One-time code').getAttribute('aria-invalid'), 'true');
	assert.deepEqual(await accessibilityFaults(page), []);
	await screenshot(page, 'login');
	// The browser itself notes a refused request as an error; it is the one that this test asked for.
	assert.equal(browser.complaints.length, 1, browser.complaints.join('\n'));
	assert.match(browser.complaints.pop(), /401/);
});

test('the printed address signs in and keeps the code neither in the address nor in the history', async () => {
	await page.goto(await collector.loginUrl(origin));
	await page.getByRole('heading', { name: 'Open triggers' }).waitFor();
	assert.equal(page.url(), `${origin}/`);
	assert.deepEqual(await page.evaluate(() => ({ ...localStorage })), { 'tocsin.language': 'en' });
});

test('the page is served under a policy that allows nothing inline and nothing from outside', async () => {
	const answer = await request(`${collector.url}/`, { insecure: true });
	const policy = answer.headers['content-security-policy'];
	assert.match(policy, /default-src 'none'/);
	assert.doesNotMatch(policy, /unsafe|https?:|\*|data:/);
});

test('a service shows its functions against the baseline, its users with their error, and its agent', async () => {
	const row = page.getByRole('table', { name: 'Services' }).getByRole('row').filter({ hasText: 'Test forum' });
	await row.waitFor();
	const cells = await row.innerText();
	assert.match(cells, /F01 forum assessed/);
	assert.match(cells, /F09 information sharing assessed/);
	assert.doesNotMatch(cells, /not assessed/);
	assert.match(cells, /filed 2 Mar 2026/);
	assert.match(cells, new RegExp(`${MEMBERS}( ± \\d+)? accounts`));
	assert.match(await page.getByRole('table', { name: 'Agents' }).innerText(), /agent-1\s+connected/);
	await page.locator('figure[data-service=forum] canvas').first().waitFor();
});

test('a request to a route of a new function class raises clause 3(1) before the eyes, without a reload', async () => {
	await page.getByText('No open trigger.').waitFor();
	await page.evaluate(() => (window.sameDocument = true));
	const asked = Date.now();
	await visit(7, '/live/streams/31');

	const trigger = page.locator('article[data-clause="3(1)"][data-service=forum]');
	await trigger.waitFor();
	const words = await trigger.innerText();
	assert.match(words, /Article 3\(1\)/);
	assert.match(words, /F08 online streaming/);
	assert.match(words, /New/);
	assert.match(words, /Launched unfiled\s+today/);
	assert.match(words, /The report was due before launch/);
	assert.equal(await page.evaluate(() => window.sameDocument), true);
	assert.match(await page.locator('#triggers [role=status]').textContent(), /New trigger 3\(1\) for service forum/);
	assert.match(await page.title(), /^\(1\)/);

	const times = await trigger.locator('.times time').evaluateAll((all) => all.map((t) => Date.parse(t.dateTime)));
	assert.equal(times.length, 3, 'occurred, detected and confirmed stand apart');
	const [occurred, detected, confirmed] = times;
	assert.ok(occurred >= asked - 1000 && occurred <= detected && detected <= confirmed, times.join(' '));
});

test('the evidence of clause 3(1) names the route and when it was first seen, from the keyboard', async () => {
	const trigger = page.locator('article[data-clause="3(1)"]');
	await trigger.locator('summary').focus();
	await page.keyboard.press('Enter');
	await trigger.getByText(/\/live\/streams\/\{[a-z]+\}/).first().waitFor();
	await trigger.locator('.evidence').getByText(/First (seen|good answer)/).first().waitFor();
	assert.doesNotMatch(await trigger.innerText(), /streams\/31/, 'no raw path');
	await screenshot(page, 'trigger-3-1');
});

test('a notice entered by API raises clause 3(5) with thirty working days', async () => {
	const answer = await collector.call('POST', '/api/v1/notices', notice);
	assert.equal(answer.status, 201, answer.text);
	const trigger = page.locator('article[data-clause="3(5)"]');
	await trigger.waitFor();
	const words = await trigger.innerText();
	assert.match(words, /30 working days left/);
	assert.match(words, /24:00 Asia\/Shanghai/);
	assert.match(words, /0 of 30 working days used/);
	const { json } = await collector.call('GET', `/api/v1/calendar/deadline?occurred=${notice.received_on}`);
	assert.equal(/Provisional/.test(words), json.provisional);
	assert.equal(await trigger.locator('.due time').getAttribute('datetime'), json.due_at);
	await trigger.locator('summary').click();
	await trigger.getByText(notice.reference).first().waitFor();
	assert.equal(await page.evaluate(() => window.sameDocument), true);
});

test('the skip link comes first and leads to the triggers', async () => {
	await page.reload();
	await page.locator('article').first().waitFor();
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await page.keyboard.press('Tab');
	assert.equal(await page.evaluate(() => document.activeElement.closest('section')?.id), 'triggers');
});

test('nothing overflows, from the smallest telephone to both sides of the limit between tables and cards', async () => {
	await page.locator('article[data-clause="3(1)"] summary').click();
	await page.getByRole('button', { name: 'Endpoints of forum' }).click();
	await page.getByRole('table', { name: 'Endpoints of forum' }).waitFor();
	for (const width of [320, 390, 980, 981, 1280]) {
		await page.setViewportSize({ width, height: 900 });
		await until(`a page of ${width} pixels`, () => page.evaluate((w) => document.documentElement.scrollWidth === w, width));
	}
});

test('the page is accessible, light and dark, wide and narrow', async () => {
	for (const colorScheme of ['light', 'dark'])
		for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
			await page.emulateMedia({ colorScheme });
			await page.setViewportSize(size);
			assert.deepEqual(await accessibilityFaults(page), [], `${colorScheme} ${name}`);
			await screenshot(page, `dashboard-en-${name}-${colorScheme}`);
		}
	await page.emulateMedia({ colorScheme: 'light' });
	await page.setViewportSize(WIDE);
});

test('the accessibility checker finds a fault that is there', async () => {
	await page.evaluate(() => {
		document.documentElement.style.setProperty('--muted', '#b0b0b0');
		document.querySelector('.disclose').removeAttribute('aria-label');
		document.querySelector('.disclose').textContent = '';
	});
	const faults = (await accessibilityFaults(page)).join('\n');
	assert.match(faults, /contrast 2\.\d\d: /);
	assert.match(faults, /no name: <button class="disclose">/);
	await page.reload();
	await page.locator('article').first().waitFor();
});

test('Chinese is one press away, speaks in the regulation’s terms, and is remembered', async () => {
	await page.getByRole('button', { name: '中文' }).click();
	await page.reload();
	const trigger = page.locator('article[data-clause="3(1)"]');
	await trigger.waitFor();
	assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
	assert.match(await trigger.innerText(), /第三条第（一）项[\s\S]*F08 网络直播[\s\S]*已上线未提交报告/);
	assert.match(await page.locator('article[data-clause="3(5)"]').innerText(), /第三条第（五）项[\s\S]*30 个工作日后到期/);
	assert.match(await page.getByRole('table', { name: '互联网信息服务' }).innerText(), /F08 网络直播 未评估/);
	await page.locator('figure[data-service=forum] canvas').first().waitFor();
	assert.deepEqual(await accessibilityFaults(page), []);
	await screenshot(page, 'dashboard-zh-wide');
	await page.setViewportSize(NARROW);
	await screenshot(page, 'dashboard-zh-narrow');
	await page.setViewportSize(WIDE);
	await page.getByRole('button', { name: 'English' }).click();
});

test('until here the page asked nobody else and complained of nothing', () => {
	assert.deepEqual(browser.complaints, []);
});

test('a broken connection is said, and what happened meanwhile is there when it is back', async () => {
	await page.evaluate(() => (window.sameDocument = true));
	await wire.cut();
	await page.getByText('Connection to the collector lost').waitFor();
	const answer = await collector.call('POST', '/api/v1/notices', { ...notice, reference: '杭网办〔2026〕13号' });
	assert.equal(answer.status, 201, answer.text);
	await wire.mend();
	await until('the second notice is on the page', async () => (await page.locator('article[data-clause="3(5)"]').count()) === 2);
	await page.locator('.banner p').waitFor({ state: 'detached' });
	assert.equal(await page.evaluate(() => window.sameDocument), true);
});

test('signing out ends the session in the collector too', async () => {
	const second = await openBrowser(world, origin);
	const { json } = await collector.call('POST', '/api/v1/login-codes');
	await second.page.goto(origin + json.path);
	await second.page.getByRole('button', { name: 'Sign out' }).click();
	await second.page.getByLabel('One-time code').waitFor();
	assert.equal(await second.page.evaluate(async () => (await fetch('/api/v1/session')).status), 401);
	await second.context.close();
});

test('a lost collector is said at once; when it is back, whoever has no session signs in again', async () => {
	await collector.process.stop();
	await page.getByText('Connection to the collector lost').waitFor();
	assert.match(await page.locator('article[data-clause="3(1)"]').innerText(), /F08/, 'what was known stays on the screen');
	await screenshot(page, 'connection-lost');
	await collector.restart();
	await page.goto(await collector.loginUrl(origin));
	await page.locator('article[data-clause="3(5)"]').first().waitFor();
	assert.equal(await page.locator('.banner p').count(), 0);
});
