// kill -9 in mid-stream, fifty times each on agent and collector: what the generator wrote is what the collector counted.
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { request, until, World } from './lib/harness.mjs';

const kills = process.env.TOCSIN_SOAK ? 500 : 50;
const line = (n) => `192.0.2.${n % 250} - member${n % 97} [23/Nov/2026:08:${String(Math.floor(n / 60) % 60).padStart(2, '0')}:${String(n % 60).padStart(2, '0')} +0000] ` +
	`"GET /forum/threads/${n} HTTP/1.1" 200 ${n} "-" "-"\n`;

async function requestsOf(collector) {
	const { json } = await collector.call('GET', '/api/v1/endpoints?limit=1000');
	return json.endpoints.reduce((sum, endpoint) => sum + endpoint.requests, 0);
}

test(`a log tap loses and doubles nothing over ${kills} kills of the agent and ${kills} of the collector, with rotations between`, async (t) => {
	const world = new World('crash');
	t.after(() => world.close());
	const log = world.path('access.log');
	writeFileSync(log, '');
	const collector = await world.collector();
	const start = () => world.agent(collector, {
		settings: { probes: 'false', window_ms: '100', taps: [{ path: log, workload: 'forum' }] },
	});
	let agent = await start();
	let written = 0;
	let rotations = 0;
	const write = (count) => {
		for (let i = 0; i < count; i++) appendFileSync(log, line(written++));
	};
	for (let i = 0; i < kills; i++) {
		write(50 + (i % 7) * 10);
		await pause(10 + (i * 37) % 90); // any moment between two commits
		await agent.stop('SIGKILL');
		write(20);
		if (i % 5 === 4) {
			renameSync(log, `${log}.${++rotations}`);
			writeFileSync(log, '');
			write(10);
		}
		agent = await start();
		if (i % 2 === 0) write(30);
		await pause((i * 53) % 120);
		await collector.restart();
	}
	await until(`${written} requests counted`, async () => {
		agent.assertRunning();
		const counted = await requestsOf(collector);
		assert.ok(counted <= written, `${counted} counted of ${written} written: doubled`);
		return counted === written;
	}, { within: 60_000, every: 200 });
	await pause(1500); // nothing more arrives
	assert.equal(await requestsOf(collector), written);
	const { json: { agents } } = await collector.call('GET', '/api/v1/agents');
	const { ledger, lost_records: lost } = agents[0];
	assert.equal(lost, 0);
	assert.equal(ledger.events, written);
	assert.equal(ledger.known_gap, 0, 'no gap for a log tap');
	assert.equal(ledger.seen, ledger.counted);
});

test('probe events lose at most the open window of a killed agent, and the gap is declared', async (t) => {
	const world = new World('crash-probe');
	t.after(() => world.close());
	const forum = await world.forum();
	const collector = await world.collector();
	const start = () => world.agent(collector, { settings: { probe_ports: [forum.port], window_ms: '500' } });
	const visit = async (count) => {
		for (let n = 0; n < count; n++) await request(`${forum.url}/forum/threads/${n}`);
	};
	let sealed = 0; // counted by the collector: no kill may lose or double these
	let open = 0; // sent into the window that was open when the agent was killed
	for (let i = 0; i < 10; i++) {
		const agent = await start();
		await visit(23);
		sealed = await until('23 more are counted', async () => {
			const counted = await requestsOf(collector);
			return counted >= sealed + 23 && counted;
		});
		assert.ok(sealed <= 23 * (i + 1) + open, 'nothing doubled');
		await visit(7);
		open += 7;
		await agent.stop('SIGKILL');
	}
	const agent = await start();
	await agent.stop('SIGTERM');
	const counted = await requestsOf(collector);
	assert.ok(counted >= sealed && counted <= 230 + open, `${counted} of 230 sealed and ${open} in open windows`);
	const { json: { agents } } = await collector.call('GET', '/api/v1/agents');
	assert.ok(agents[0].ledger.gap_ms > 0 && agents[0].ledger.gap_ms <= 60_000, `the gap of ${agents[0].ledger.gap_ms} ms is declared`);
});

test('the agent keeps what it saw while the collector is away, and delivers it later', async (t) => {
	const world = new World('away');
	t.after(() => world.close());
	const log = world.path('access.log');
	writeFileSync(log, '');
	const collector = await world.collector();
	await collector.process.stop('SIGTERM');
	const agent = await world.agent(collector, { settings: { probes: 'false', window_ms: '100', taps: [{ path: log, workload: 'forum' }] } });
	for (let n = 0; n < 1009; n++) appendFileSync(log, line(n));
	await agent.line(/connection refused, retrying in/);
	await agent.stop('SIGTERM');
	await collector.start(collector.settings);
	await world.agent(collector, { settings: { probes: 'false', window_ms: '100', taps: [{ path: log, workload: 'forum' }] } });
	await until('1009 requests arrive', async () => (await requestsOf(collector)) === 1009);
});
