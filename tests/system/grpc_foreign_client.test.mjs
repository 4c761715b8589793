// A gRPC client that we did not write (@grpc/grpc-js) with nothing but proto/tocsin.proto: what any language can do, and what nobody may.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { root, until, World } from './lib/harness.mjs';

const { tocsin } = grpc.loadPackageDefinition(
	protoLoader.loadSync(path.join(root, 'proto/tocsin.proto'), { keepCase: true, longs: String, enums: String, defaults: true }));

const hour = 3_600_000;
const start = Math.floor(Date.now() / hour) * hour - hour;

const window = (overrides = {}) => ({
	start_ms: start,
	span_ms: 10_000,
	scopes: [{
		kind: 'WORKLOAD_SYSTEMD',
		workload: 'forum.service',
		host: 'forum.example.com',
		endpoints: [{
			method: 'POST', template: '/论坛/{id}/replies', takes_input: true, content: 'html',
			status_2xx: 23, request_bytes: 2300, answer_bytes: 46_000, first_ms: start + 17, last_ms: start + 9_999,
		}],
	}],
	ledger: [{ kind: 'SOURCE_FILE', source: '/var/log/nginx/access.log', seen: 4600, counted: 4600, events: 23 }],
	...overrides,
});

/** One Deliver stream as `agent` sees it: receipts so far, and how it ended. */
class Stream {
	constructor(collector, credentials, options) {
		this.client = new tocsin.v1.Ingest(collector.ingest, credentials, options);
		this.call = this.client.Deliver();
		this.receipts = [];
		this.call.on('data', (receipt) => this.receipts.push(receipt));
		this.call.on('error', () => {}); // the status says it too
		this.ended = new Promise((resolve) => this.call.on('status', resolve));
	}

	hello(agent, epoch = '77') {
		this.call.write({ hello: { agent, epoch, first_sequence: 1, version: 'foreign', kernel: process.version, started_ms: start } });
		return this;
	}

	sealed(sequence, batch = { windows: [window()] }, epoch = '77') {
		this.call.write({ sealed: { epoch, sequence, batch } });
		return this;
	}

	receipt(sequence) {
		return until(`receipt ${sequence}`, () => this.receipts.find((r) => r.sequence === String(sequence)));
	}

	close() {
		this.call.cancel();
		this.client.close();
	}
}

async function identity(collector, name, authority) {
	const dir = collector.world.path(`pki-${name}`);
	await collector.enroll(name, dir);
	const file = (f) => readFileSync(path.join(dir, f));
	return grpc.credentials.createSsl(authority ?? file('ca.crt'), file('agent.key'), file('agent.crt'));
}

test('a foreign client streams windows over mutual TLS and gets its acknowledgements', async (t) => {
	const world = new World('foreign');
	t.after(() => world.close());
	const collector = await world.collector();
	const stream = new Stream(collector, await identity(collector, 'foreign-1'));
	t.after(() => stream.close());

	stream.hello('foreign-1');
	assert.deepEqual(await stream.receipt(0), { epoch: '77', sequence: '0' });
	for (let sequence = 1; sequence <= 5; sequence++) stream.sealed(sequence);
	await stream.receipt(5);
	stream.sealed(3).sealed(6); // what comes twice counts once
	await stream.receipt(6);
	stream.call.end();
	assert.equal((await stream.ended).code, grpc.status.OK);

	const { json } = await collector.call('GET', '/api/v1/endpoints?limit=10');
	const endpoint = json.endpoints.find((e) => e.template === '/论坛/{id}/replies');
	assert.equal(endpoint.requests, 6 * 23);
	assert.equal(endpoint.workload, 'forum.service');
});

test('an acknowledged window is there after kill -9, and the next stream is told so', async (t) => {
	const world = new World('foreign-kill');
	t.after(() => world.close());
	const collector = await world.collector();
	const credentials = await identity(collector, 'foreign-1');
	const first = new Stream(collector, credentials).hello('foreign-1').sealed(1).sealed(2);
	await first.receipt(2);
	await collector.restart();
	assert.equal((await first.ended).code, grpc.status.UNAVAILABLE);
	first.close();
	const second = new Stream(collector, credentials).hello('foreign-1');
	t.after(() => second.close());
	await second.receipt(2);
	assert.equal(second.receipts[0].sequence, '2');
});

test('who may not speak is told why', async (t) => {
	const world = new World('foreign-refused');
	t.after(() => world.close());
	const collector = await world.collector();
	const mine = await identity(collector, 'foreign-1');
	const ca = readFileSync(world.path('pki-foreign-1', 'ca.crt'));
	const end = async (stream) => {
		const status = await stream.ended;
		stream.close();
		return status;
	};

	await t.test('without a certificate', async () => {
		const { code } = await end(new Stream(collector, grpc.credentials.createSsl(ca)).hello('foreign-1'));
		assert.equal(code, grpc.status.UNAVAILABLE);
		await collector.process.line(/connection from 127\.0\.0\.1:\d+ refused: the peer sent no certificate/);
	});
	await t.test('in the clear', async () => {
		const { code } = await end(new Stream(collector, grpc.credentials.createInsecure()).hello('foreign-1'));
		assert.equal(code, grpc.status.UNAVAILABLE);
		await collector.process.line(/refused: the peer does not speak TLS/);
	});
	await t.test('under another name', async () => {
		const { code, details } = await end(new Stream(collector, mine).hello('foreign-2'));
		assert.equal(code, grpc.status.PERMISSION_DENIED);
		assert.match(details, /foreign-2.*foreign-1/);
	});
	await t.test('as a second agent of one id', async () => {
		const first = new Stream(collector, mine).hello('foreign-1');
		await first.receipt(0);
		// channels with the same options share a connection, and then the first would only be probed on it
		const { code, details } = await end(new Stream(collector, mine, { 'grpc.use_local_subchannel_pool': 1 }).hello('foreign-1'));
		assert.equal(code, grpc.status.ALREADY_EXISTS);
		assert.match(details, /foreign-1 is already connected from 127\.0\.0\.1:/);
		first.sealed(1);
		await first.receipt(1);
		first.close();
	});
});

test('what breaks a rule ends its stream with the place and the reason, and counts nothing', async (t) => {
	const world = new World('foreign-rules');
	t.after(() => world.close());
	const collector = await world.collector();
	const names = ['no-hello', 'hole', 'epoch', 'hour', 'control', 'method'];
	const rows = [
		{ says: /begins with hello/, code: 'FAILED_PRECONDITION', run: (s) => s.sealed(1) },
		{ says: /a sequence past the next one/, code: 'OUT_OF_RANGE', run: (s) => s.hello('hole').sealed(2) },
		{ says: /another epoch/, code: 'INVALID_ARGUMENT', run: (s) => s.hello('epoch').sealed(1, { windows: [] }, '78') },
		{
			says: /window 0: it begins at \d+ and crosses an hour/, code: 'INVALID_ARGUMENT',
			run: (s) => s.hello('hour').sealed(1, { windows: [window({ start_ms: start + hour - 9_999 })] }),
		},
		{
			says: /window 0: scope 0: the workload has a control character/, code: 'INVALID_ARGUMENT',
			run: (s) => s.hello('control').sealed(1, { windows: [window({ scopes: [{ workload: 'a\u0000b' }] })] }),
		},
		{
			says: /scope 0: endpoint 0: the method is empty/, code: 'INVALID_ARGUMENT',
			run: (s) => s.hello('method').sealed(1, { windows: [window({ scopes: [{ workload: 'w', endpoints: [{ template: '/' }] }] })] }),
		},
	];
	for (const [i, { says, code, run }] of rows.entries()) {
		const stream = new Stream(collector, await identity(collector, names[i]));
		run(stream);
		const status = await stream.ended;
		assert.equal(status.code, grpc.status[code], `${names[i]}: ${status.details}`);
		assert.match(status.details, says);
		assert.equal(stream.receipts.filter((r) => r.sequence !== '0').length, 0);
		stream.close();
	}
	const { json } = await collector.call('GET', '/api/v1/endpoints?limit=10');
	assert.deepEqual(json.endpoints, []);
});
