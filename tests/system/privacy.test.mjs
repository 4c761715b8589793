// 503 signed-in users over seven routes, seen by the probe: the routes exactly, the users within the sketch's error, and not one
// identifier in the bytes that the agent sent or keeps on its disk.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { build, until, World } from './lib/harness.mjs';
import { record } from './lib/recorder.mjs';

const USERS = 503;
const routes = [
	['GET', () => '/'],
	['GET', () => '/forum/threads'],
	['GET', (n) => `/forum/threads/${40000 + n}`],
	['GET', (n) => `/forum/threads/${40000 + n}/comments`],
	['POST', (n) => `/forum/threads/${40000 + n}/comments`],
	['GET', (n) => `/users/${1000 + n}`],
	['GET', (n) => `/search?q=secret-query-of-${user(n)}`],
];
const templates = ['GET /', 'GET /forum/threads', 'GET /forum/threads/{id}', 'GET /forum/threads/{id}/comments',
	'POST /forum/threads/{id}/comments', 'GET /search', 'GET /users/{id}'];

function user(n) {
	return `alice-${(n * 2654435761 >>> 0).toString(36)}`;
}

function files(dir) {
	return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(path.join(dir, e.name)) : path.join(dir, e.name)));
}

/** Every user asks for every route once, over eight connections. */
async function visitEverything(url) {
	const connections = new http.Agent({ keepAlive: true, maxSockets: 8 });
	await Promise.all(Array.from({ length: USERS }, async (_, n) => {
		for (const [method, route] of routes) {
			await new Promise((resolve, reject) => {
				const body = method === 'POST' ? `comment=private-words-of-${user(n)}` : undefined;
				const request = http.request(`${url}${route(n)}`, {
					method, agent: connections, headers: {
						host: 'forum.example.test', cookie: `theme=dark; member=${user(n)}`, 'x-note': `header-of-${user(n)}`,
						...(body && { 'content-length': Buffer.byteLength(body), 'content-type': 'application/x-www-form-urlencoded' }),
					},
				}, (answer) => answer.resume().on('end', resolve).on('error', reject));
				request.on('error', reject);
				request.end(body);
			});
		}
	}));
	connections.destroy();
}

test('503 users by cookie over 7 routes are counted, and nothing that names them leaves the agent', async (t) => {
	const world = new World('privacy');
	t.after(() => world.close());
	const forum = await world.forum();
	const pki = path.join(world.folder('collector'), 'pki');
	await world.run('enroll', [path.join(build, 'tocsin-collector'), 'enroll', 'agent-1', '--state', world.path('collector'), '--to', world.path('agent-1/pki')]);
	const recorder = await record(pki);
	t.after(() => recorder.close());
	const agent = await world.agent(null, {
		settings: { collector: `127.0.0.1:${recorder.port}`, probe_ports: [forum.port], account_cookies: ['member'], window_ms: '500' },
	});

	await visitEverything(forum.url);

	const endpoints = () => recorder.messages.flatMap((m) => m.sealed?.batch?.windows ?? []).flatMap((w) => w.scopes).flatMap((s) => s.endpoints);
	const total = () => endpoints().reduce((sum, e) => sum + [e.unanswered, e.status_1xx, e.status_2xx, e.status_3xx, e.status_4xx, e.status_5xx].reduce((a, n) => a + Number(n), 0), 0);
	await until(`${USERS * routes.length} requests arrive`, () => total() === USERS * routes.length, { within: 20_000 });
	await agent.stop('SIGTERM');

	const counts = new Map();
	for (const e of endpoints()) {
		const key = `${e.method} ${e.template}`;
		counts.set(key, (counts.get(key) ?? 0) + Number(e.status_2xx) + Number(e.status_3xx));
	}
	assert.deepEqual([...counts.keys()].sort(), [...templates].sort());
	for (const [key, count] of counts) assert.equal(count, USERS, key);

	const sent = recorder.bytes();
	const kept = files(agent.state).filter((f) => !f.includes('/pki/'));
	assert.ok(kept.some((f) => f.includes('spool') && statSync(f).size > 0), 'there is a spool to look at');
	const places = [['the stream', sent], ...kept.map((f) => [path.relative(world.dir, f), readFileSync(f)])];
	for (const [where, bytes] of places) {
		for (let n = 0; n < USERS; n++) assert.equal(bytes.indexOf(user(n)), -1, `${user(n)} in ${where}`);
		for (const word of ['secret-query', 'private-words', 'header-of', 'alice-', 'theme=dark', '/users/1', '127.0.0.1'])
			assert.equal(bytes.indexOf(word), -1, `'${word}' in ${where}`);
	}
});

test('the same users and routes, as the collector counts them', async (t) => {
	const world = new World('users');
	t.after(() => world.close());
	const forum = await world.forum();
	const collector = await world.collector();
	await world.agent(collector, { settings: { probe_ports: [forum.port], account_cookies: ['member'], window_ms: '500' } });
	await visitEverything(forum.url);
	const { endpoints } = await until('every request is counted', async () => {
		const { json } = await collector.call('GET', '/api/v1/endpoints?limit=1000');
		return json.endpoints.reduce((sum, e) => sum + e.requests, 0) === USERS * routes.length && json;
	});
	assert.deepEqual(endpoints.map((e) => `${e.method} ${e.template}`).sort(), [...templates].sort());
	for (const e of endpoints) assert.equal(e.good, USERS, e.template);
	const { json: { users } } = await collector.call('GET', '/api/v1/services/nginx/users');
	const accounts = users.find((row) => row.kind === 'account');
	assert.ok(Math.abs(accounts.users - USERS) <= 3 * Math.max(accounts.relative_error, 0.0061) * USERS, `${accounts.users} accounts`);
	assert.equal(accounts.coverage, 1);
	assert.equal(Math.round(users.find((row) => row.kind === 'address').users), 1);
});
