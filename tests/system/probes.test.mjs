// A running agent with its probes attached for real: what it counts when it is told to stop.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { freePort, request, until, World } from './lib/harness.mjs';

/** A server that reads requests and answers none, and `count` clients that each sent one. */
async function unanswered(t, port, count) {
	const sockets = new Set();
	let heard = 0;
	const server = net.createServer((socket) => {
		sockets.add(socket);
		socket.on('data', () => heard++).on('error', () => {});
	});
	await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
	t.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	for (let i = 0; i < count; i++) {
		const client = net.connect(port, '127.0.0.1').on('error', () => {});
		sockets.add(client);
		client.write(`GET /forum/threads/${i} HTTP/1.1\r\nHost: forum.example\r\n\r\n`);
	}
	await until('all requests arrived', () => heard === count);
}

test('requests that still wait for their answer when the agent stops are counted and are in its ledger', async (t) => {
	const world = new World('stop');
	t.after(() => world.close());
	const collector = await world.collector();
	const port = await freePort();
	const agent = await world.agent(collector, { settings: { probe_ports: [port], window_ms: '3600000' } });
	await agent.line(/probes: attached/);
	await collector.process.line(/agent-1: connected/);
	await unanswered(t, port, 7);
	await agent.stop();
	const { json: { endpoints } } = await collector.call('GET', '/api/v1/endpoints?limit=1000');
	assert.equal(endpoints.reduce((sum, endpoint) => sum + endpoint.requests, 0), 7);
	const { json: { agents: [{ ledger }] } } = await collector.call('GET', '/api/v1/agents');
	assert.equal(ledger.events, 7);
});

test('a running agent keeps the three capabilities that watching needs, in every thread, and can gain none', async (t) => {
	const world = new World('privileges');
	t.after(() => world.close());
	const collector = await world.collector();
	const forum = await world.forum();
	const agent = await world.agent(collector, { settings: { probe_ports: [forum.port], window_ms: '100' } });
	await agent.line(/probes: attached/);
	await collector.process.line(/agent-1: connected/);
	const kept = [2n /* DAC_READ_SEARCH */, 19n /* SYS_PTRACE */, 39n /* BPF */].reduce((mask, bit) => mask | 1n << bit, 0n);
	for (const thread of readdirSync(`/proc/${agent.pid}/task`)) {
		const status = readFileSync(`/proc/${agent.pid}/task/${thread}/status`, 'utf8');
		for (const set of ['CapPrm', 'CapEff']) assert.equal(BigInt(`0x${status.match(`${set}:\\s*(\\w+)`)[1]}`), kept, `${set} of thread ${thread}`);
		assert.match(status, /NoNewPrivs:\s*1/);
	}
	for (let i = 0; i < 23; i++) assert.equal((await request(`${forum.url}/healthz`)).status, 200);
	await until('the requests are counted and accounted for', async () => {
		const { json: { agents: [{ ledger }] } } = await collector.call('GET', '/api/v1/agents');
		return ledger.events === 23;
	});
	const { json: { services } } = await collector.call('GET', '/api/v1/services');
	assert.equal(services.length, 1);
	assert.notEqual(services[0].name, 'unknown', 'who listens is found out without being root in full');
});
