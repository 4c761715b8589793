// tocsinctl against a real collector: what people read, what programs read, and what is said when something is wrong.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, build, freePort, request } from './lib/harness.mjs';

const CANNOT_BE_A_TOKEN = 'AAAAAAAAAAAAAAAAAAAAAA\n';
let world;
let collector;

/** Runs tocsinctl to its end: {code, lines, output}. */
async function ctl(...words) {
	return at(['--state', collector.state, '--collector', collector.url], ...words);
}

async function at(where, ...words) {
	const p = world.start('tocsinctl', [path.join(build, 'tocsinctl'), ...where, ...words]);
	const { code } = await p.ended;
	return { code, output: p.output, lines: p.output.trimEnd().split('\n') };
}

before(async () => {
	world = new World('tocsinctl');
	collector = await world.collector({
		settings: { services: [{ name: 'forum', title: '论坛', workloads: ['forum.service'] }, { name: 'shop/web', workloads: ['shop.service'] }, { name: 'times', workloads: ['times.service'], news: true }] },
	});
});
after(() => world?.close());

test('what is declared is listed before anything was seen, in aligned columns', async () => {
	const { code, lines } = await ctl('services');
	assert.equal(code, 0);
	assert.match(lines[0], /^SERVICE +FUNCTIONS +ASSESSMENT +UNASSESSED/);
	assert.match(lines[1], /^forum +- +none/);
	assert.match(lines[2], /^shop\/web +- +none/);
	assert.match(lines[3], /^times +- +none +news \(Art\. 16\) /);
	assert.equal(lines[0].indexOf('ASSESSMENT'), lines[1].indexOf('none'));
});

test('empty lists are said in words', async () => {
	for (const [command, words] of [['triggers', 'no triggers'], ['endpoints', 'no endpoints'], ['agents', 'no agents yet'], ['notices', 'no notices']])
		assert.deepEqual(await ctl(command), { code: 0, output: `${words}\n`, lines: [words] });
});

test('a notice raises clause 3(5) with its clock, and an earlier date of its own wins', async () => {
	const said = ['notice', 'add', '--service', 'shop/web', '--authority', '杭州市互联网信息办公室', '--level', 'prefecture', '--received', '2026-01-29'];
	const plain = await ctl(...said, '--reference', '一号');
	assert.deepEqual([plain.code, plain.output], [0, 'notice 1 recorded for shop/web; tocsinctl triggers shows what follows\n']);
	const early = JSON.parse((await ctl(...said, '--reference=二号', '--due=2026-02-10', '--note=two\nlines', '--json')).output);
	assert.equal(early.due_on, '2026-02-10');

	const { triggers } = JSON.parse((await ctl('triggers', '--json')).output);
	const due = triggers.filter((t) => t.clause === '3(5)' && t.service === 'shop/web').map((t) => t.clock.due_on).sort();
	assert.deepEqual(due, ['2026-02-10', '2026-03-18']);
	const shown = await ctl('triggers');
	assert.match(shown.lines[1], /3\(5\) +shop\/web +- +confirmed +2026-01-29 \d\d:\d\d\+08 +/);

	const notices = await ctl('notices');
	const columns = notices.lines.slice(1).map((line) => line.indexOf('prefecture'));
	assert.equal(columns[0], columns[1]);
	assert.match(notices.output, /杭州市互联网信息办公室/);
	assert.match(notices.lines[2], / two\?lines$/); // a terminal gets no control character
	assert.equal(notices.lines.length, 3);
});

test('an assessment is put on file', async () => {
	const { code, output } = await ctl('assessment', 'add', '--service', 'forum', '--functions', 'F01,F09', '--filed', '2026-01-05', '--receipt', 'R-17');
	assert.deepEqual([code, output], [0, 'assessment 1 recorded for forum; tocsinctl triggers shows what follows\n']);
	const { services } = JSON.parse((await ctl('services', '--json')).output);
	const { assessment } = services.find((s) => s.name === 'forum');
	assert.equal(assessment.filed_on, '2026-01-05');
	assert.deepEqual(assessment.functions.map((f) => f.code), ['F01', 'F09']);
});

test('a login code opens the dashboard once', async () => {
	const { code, lines } = await ctl('login-code');
	assert.equal(code, 0);
	const [, secret] = lines[0].match(new RegExp(`^${collector.url}/login#([A-Za-z0-9_-]{22})$`));
	const login = () => request(`${collector.url}/api/v1/login`, {
		method: 'POST', body: JSON.stringify({ code: secret }), headers: { 'content-type': 'application/json' }, insecure: true,
	});
	assert.equal((await login()).status, 200);
	assert.equal((await login()).status, 401);
});

test('what the collector refuses is said with place and remedy, and ends with 1', async () => {
	const notice = ['notice', 'add', '--service', 'forum', '--authority', 'a', '--level', 'prefecture', '--reference', 'r', '--received', '2026-01-29'];
	const changed = (key, value) => notice.map((word, i) => (notice[i - 1] === key ? value : word));
	for (const [words, reason] of [
		[changed('--service', 'none'), /there is no service "none", at \/service; .*tocsinctl services/],
		[changed('--level', 'county'), /at \/level; national, province or prefecture/],
		[changed('--received', '2026-02-30'), /at \/received_on; give a date as YYYY-MM-DD/],
		[['assessment', 'add', '--service', 'forum', '--functions', 'F01,F12', '--filed', '2026-01-05'], /"F12" is no function class, at \/functions\/1/],
		[['endpoints', '--service', 'none'], /there is no service "none", at \?service/],
		[['endpoints', '--limit', '0'], /at \?limit; give a number from 1 to 10000/],
	]) {
		const { code, output } = await ctl(...words);
		assert.equal(code, 1);
		assert.match(output, reason);
	}
});

test('a wrong command line is explained and ends with 2', async () => {
	for (const [words, reason] of [
		[[], /which command\?/],
		[['trigger'], /there is no command "trigger"/],
		[['triggers', 'now'], /there is no command "triggers now"/],
		[['triggers', '--opne'], /there is no option --opne/],
		[['triggers', '--due', '2026-01-01'], /triggers knows no --due; it is: tocsinctl triggers \[--all\]/],
		[['notice', 'add', '--service', 'forum'], /--authority is missing; it is: tocsinctl notice add --service S/],
		[['endpoints', '--service'], /--service needs a value/],
		[['endpoints', '--service', 'a', '--service', 'b'], /--service is given twice/],
		[['triggers', '--all=yes'], /--all takes no value/],
	]) {
		const { code, output } = await at([], ...words);
		assert.equal(code, 2, output);
		assert.match(output, reason);
	}
});

test('a collector that cannot be reached or trusted is said with the remedy', async () => {
	const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'tocsinctl-'));
	try {
		const token = path.join(collector.state, 'api.token');
		const wrong = path.join(elsewhere, 'wrong.token');
		const empty = path.join(elsewhere, 'empty.token');
		writeFileSync(wrong, CANNOT_BE_A_TOKEN);
		writeFileSync(empty, '');
		copyFileSync(token, path.join(elsewhere, 'api.token'));
		const ca = path.join(collector.state, 'pki/ca.crt');
		for (const [where, reason] of [
			[['--state', collector.state, '--collector', `https://127.0.0.1:${await freePort()}`], /is the collector running there\? start it, or name another with --collector/],
			[['--state', collector.state, '--collector', collector.url.replace('https', 'http')], /does not begin with https:\/\//],
			[['--state', elsewhere, '--collector', collector.url], /give the collector's authority with --ca FILE/],
			[['--token-file', wrong, '--ca', ca, '--collector', collector.url], /wrong\.token: holds another collector's token/],
			[['--token-file', empty, '--ca', ca, '--collector', collector.url], /empty\.token:1: holds no token/],
			[['--state', path.join(elsewhere, 'none'), '--collector', collector.url], /none\/api\.token: No such file or directory; .*--state or --token-file/],
		]) {
			const { code, output } = await at(where, 'triggers');
			assert.equal(code, 1);
			assert.match(output, reason);
		}
	} finally {
		rmSync(elsewhere, { recursive: true });
	}
});

test('the API serves the description it was built with', async () => {
	const answer = await collector.call('GET', '/api/v1/openapi.yaml');
	assert.equal(answer.status, 200);
	assert.match(answer.text, /^openapi: 3\.1\.0\n/);
});
