// The harness itself: a test bench that leaves processes behind or hides why something failed would spoil every test on it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Gone, World, request, setArguments, until } from './lib/harness.mjs';

const exists = (pid) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};

test('until names the condition and the last thing seen', async () => {
	await assert.rejects(until('the bell rings', () => 0, { within: 20, every: 5 }), /the bell rings: not within 20 ms; last seen: 0/);
});

test('until goes on after an error and returns what was true', async () => {
	let asked = 0;
	const value = await until('third time', () => {
		if (++asked < 3) throw new Error('not yet');
		return 'charm';
	}, { every: 1 });
	assert.equal(value, 'charm');
});

test('waiting for a line of a process that ended fails at once with its output', async (t) => {
	const world = new World('harness');
	t.after(() => world.close());
	const p = world.start('short', [process.execPath, '-e', 'console.error("no such luck"); process.exit(3)']);
	await assert.rejects(p.line(/never said/), (error) => error instanceof Gone && /exit 3/.test(error.message) && /no such luck/.test(error.message));
});

test('a program that does not exist is a failed process, not a crash', async (t) => {
	const world = new World('harness');
	t.after(() => world.close());
	const p = world.start('absent', ['/nonexistent/program']);
	assert.equal((await p.ended).code, 127);
	assert.match(p.output, /ENOENT/);
});

test('a closed world leaves neither process nor folder', async () => {
	const world = new World('harness');
	const forum = await world.forum();
	const { pid } = forum.process;
	const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).map(Number);
	assert.ok(exists(pid) && workers.length > 0);
	await world.close();
	assert.equal(existsSync(world.dir), false);
	for (const left of [pid, ...workers]) assert.equal(exists(left), false);
});

test('the forum logs members in the combined format', async (t) => {
	const world = new World('harness');
	t.after(() => world.close());
	const forum = await world.forum();
	const answer = await request(`${forum.url}/forum/threads/7`, { headers: { cookie: 'member=m1007' } });
	assert.equal(answer.status, 200);
	const line = await until('a line in the access log', () => readFileSync(forum.accessLog, 'utf8'));
	assert.match(line, /^127\.0\.0\.1 - m1007 \[[^\]]+\] "GET \/forum\/threads\/7 HTTP\/1\.1" 200 \d+ "-" "-"\n$/);
});

test('a cut relay breaks what is open and refuses what comes, and a mended one carries again', async (t) => {
	const world = new World('harness');
	t.after(() => world.close());
	const forum = await world.forum();
	const relay = await world.relay(forum.port);
	const url = `http://127.0.0.1:${relay.port}/healthz`;
	assert.equal((await request(url, { agent: false })).status, 200);
	await relay.cut();
	await assert.rejects(request(url, { agent: false }), /ECONNREFUSED/);
	await relay.mend();
	assert.equal((await request(url, { agent: false })).status, 200);
});

test('settings go to the command line as key=value, lists as JSON', () => {
	assert.deepEqual(setArguments({ listen: '127.0.0.1:1', taps: ['a', 'b'] }), ['--set', 'listen=127.0.0.1:1', '--set', 'taps=["a","b"]']);
});
