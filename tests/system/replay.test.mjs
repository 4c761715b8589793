// Old logs through the same path, with their own times: counts are exact, distinct clients within the sketch's error.
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, until, World } from './lib/harness.mjs';

// 10,000 real combined lines of 84 hours by 1,753 clients; their days are UTC days.
const log = path.join(root, 'tests/data/elastic_apache_10k.log');
const days = { '2015-05-17': 341, '2015-05-18': 627, '2015-05-19': 561, '2015-05-20': 505 };

test('a real log of 2015 replays to its exact lines and its distinct clients', async (t) => {
	const world = new World('replay');
	t.after(() => world.close());
	const collector = await world.collector({ settings: { day_offset_minutes: '0' } });

	for (const round of ['first', 'second']) {
		const replay = await world.agent(collector, { command: ['replay'], files: [log] });
		const { code } = await replay.ended;
		assert.equal(code, 0, replay.output);
		if (round === 'first') assert.match(replay.output, /10000 lines counted, 0 malformed/);
	}

	const { json: { services } } = await collector.call('GET', '/api/v1/services');
	assert.equal(services.length, 1);
	const name = encodeURIComponent(services[0].name);
	const { json: { hours } } = await collector.call('GET', `/api/v1/services/${name}/hours?from=2015-05-17T00:00:00Z&to=2015-05-21T00:00:00Z`);
	assert.equal(hours.reduce((sum, hour) => sum + hour.requests, 0), 10000, 'replayed twice, counted once');
	const { json } = await collector.call('GET', `/api/v1/services/${name}/users?from=2015-05-17&to=2015-05-20&total=true`);
	for (const [day, clients] of Object.entries(days)) {
		const row = json.users.find((r) => r.day === day && r.kind === 'address');
		within(row.users, clients, 0.01, `clients of ${day}`);
		assert.equal(row.coverage, 1);
	}
	within(json.total.find((r) => r.kind === 'address').users, 1753, 0.01, 'clients of all days');
	const { json: { agents } } = await collector.call('GET', '/api/v1/agents');
	const { ledger } = agents[0];
	assert.equal(ledger.seen, ledger.counted + ledger.malformed + ledger.skipped + ledger.known_gap, 'the ledger closes');
	assert.equal(ledger.counted, 2370789, 'every byte of the file');
});

test('a line that is no combined line is counted as malformed, never lost and never a crash', async (t) => {
	const world = new World('replay-bad');
	t.after(() => world.close());
	const collector = await world.collector();
	const file = world.path('access.log');
	const good = '192.0.2.1 - - [23/Nov/2026:08:00:00 +0000] "GET /forum/threads HTTP/1.1" 200 5 "-" "-"\n';
	const bad = ['\u0016\u0003\u0001 raw TLS\n', 'x'.repeat(70000) + '\n', '\n', '192.0.2.1 - - [99/Foo/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'];
	writeFileSync(file, good + bad.join(good) + good);
	const replay = await world.agent(collector, { command: ['replay'], files: [file] });
	assert.equal((await replay.ended).code, 0, replay.output);
	assert.match(replay.output, /5 lines counted, 4 malformed/);
	const ledger = await until('the ledger arrives', async () => (await collector.call('GET', '/api/v1/agents')).json.agents[0]?.ledger);
	assert.equal(ledger.seen, statSync(file).size);
	assert.equal(ledger.counted, 5 * good.length);
	assert.equal(ledger.malformed, Buffer.byteLength(bad.join('')));
});

function within(value, expected, share, what) {
	assert.ok(Math.abs(value - expected) <= expected * share, `${what}: ${value}, expected ${expected} ± ${share * 100} %`);
}
