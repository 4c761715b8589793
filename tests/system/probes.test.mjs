// A running agent with its probes attached for real: what it counts when it is told to stop.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { freePort, until, World } from './lib/harness.mjs';

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
