// What an agent says on hosts that lack something, and to operators who got something wrong: what is missing, where, and how to mend it.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, chownSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, until, World } from './lib/harness.mjs';

const NOBODY = 65534;
const line = (n) => `192.0.2.${n} - - [23/Nov/2026:08:00:00 +0000] "GET /forum/threads/${n} HTTP/1.1" 200 5 "-" "-"\n`;

async function counted(collector) {
	const { json } = await collector.call('GET', '/api/v1/endpoints?limit=1000');
	return json.endpoints.reduce((sum, endpoint) => sum + endpoint.requests, 0);
}

function own(dir) {
	chownSync(dir, NOBODY, NOBODY);
	for (const entry of readdirSync(dir, { withFileTypes: true })) {
		const file = path.join(dir, entry.name);
		if (entry.isDirectory()) own(file);
		else chownSync(file, NOBODY, NOBODY);
	}
}

test('without root the agent says which capability is missing and goes on with its logs', async (t) => {
	const world = new World('nobody');
	t.after(() => world.close());
	const collector = await world.collector();
	const log = world.path('access.log');
	writeFileSync(log, line(1));
	chmodSync(world.dir, 0o755);
	const state = world.folder('agent-1');
	await collector.enroll('agent-1', path.join(state, 'pki'));
	own(state);
	const agent = await world.agent(collector, {
		settings: { window_ms: '100', taps: [{ path: log, workload: 'forum' }] }, options: { uid: NOBODY, gid: NOBODY },
	});
	assert.match(agent.output, /probes: .*(CAP_|root).*going on with log taps/);
	appendFileSync(log, line(2));
	await until('both lines are counted', async () => (await counted(collector)) === 2);
});

test('a second agent with the same id is refused and told so, and the first goes on', async (t) => {
	const world = new World('twin');
	t.after(() => world.close());
	const collector = await world.collector();
	const log = world.path('access.log');
	writeFileSync(log, '');
	const settings = { probes: 'false', window_ms: '100', taps: [{ path: log, workload: 'forum' }] };
	const first = await world.agent(collector, { settings });
	await collector.process.line(/agent-1: connected/);

	mkdirSync(world.path('clone'));
	cpSync(path.join(first.state, 'pki'), world.path('clone/pki'), { recursive: true });
	const clone = world.start('clone', [path.join(build, 'tocsin-agent'), '--state', world.path('clone'), '--set', 'agent=agent-1',
		'--set', `collector=${collector.ingest}`, '--set', 'probes=false']);
	await clone.line(/already connected from 127\.0\.0\.1/);
	assert.match(collector.process.output, /agent-1 is already connected/);

	const same = world.start('same-state', [path.join(build, 'tocsin-agent'), '--state', first.state, '--set', 'agent=agent-1',
		'--set', `collector=${collector.ingest}`]);
	assert.equal((await same.ended).code, 1);
	assert.match(same.output, new RegExp(`${first.pid}`), 'names the process that holds the state folder');

	appendFileSync(log, line(1) + line(2));
	await until('the first agent still delivers', async () => (await counted(collector)) === 2);
});

test('an agent cannot speak under another name than its certificate\'s', async (t) => {
	const world = new World('name');
	t.after(() => world.close());
	const collector = await world.collector();
	await collector.enroll('mallory', path.join(world.folder('mallory'), 'pki'));
	const agent = world.start('mallory', [path.join(build, 'tocsin-agent'), '--state', world.path('mallory'), '--set', 'agent=alice-host',
		'--set', `collector=${collector.ingest}`, '--set', 'probes=false']);
	await agent.line(/hello says agent alice-host, but the certificate is mallory's/);
	const { json: { agents } } = await collector.call('GET', '/api/v1/agents');
	assert.deepEqual(agents, []);
});

test('settings, certificates and keys that are wrong are refused with their place', async (t) => {
	const world = new World('wrong');
	t.after(() => world.close());
	const collector = await world.collector();
	const state = world.folder('agent-1');
	await collector.enroll('agent-1', path.join(state, 'pki'));
	const yaml = world.path('agent.yaml');
	writeFileSync(yaml, 'agent: agent-1\nprobe_port: [80]\n');
	const cases = [
		[/agent\.yaml:2: unknown key 'probe_port'; did you mean 'probe_ports'\?/, ['--config', yaml]],
		[/--set window_ms: soon: .*soon/, ['--set', 'window_ms=soon']],
		[/hosts: 'Forum.example' is no host name/, ['--set', 'hosts=[Forum.example]']],
		[/template_clients: 9 is outside 1 to 8/, ['--set', 'template_clients=9']],
		[/window_ms: 7000 does not divide an hour/, ['--set', 'window_ms=7000']],
		[/'nowhere' is no address; write host:port/, ['--set', 'collector=nowhere']],
		[/unknown option --sate/, ['--sate', 'x']],
		[/tap \/var\/log\/x: no log format is called "apache2"; .*"combined"/, ['--set', 'taps=[{path: /var/log/x, format: apache2}]']],
	];
	for (const [says, args] of cases) {
		const agent = world.start('agent', [path.join(build, 'tocsin-agent'), '--state', state, '--set', 'probes=false', ...args]);
		const { code } = await agent.ended;
		assert.ok(code === 1 || code === 2, `exit ${code}: ${agent.output}`);
		assert.match(agent.output, says);
	}
	const files = [['pki/agent.crt', 'no certificate', /agent\.crt/], ['pki/agent.key', 'no key', /agent\.key/], ['fleet.key', 'short', /fleet\.key.*32 hexadecimal/]];
	for (const [name, content, says] of files) {
		const broken = world.folder(`broken-${path.basename(name)}`);
		cpSync(state, broken, { recursive: true });
		rmSync(path.join(broken, name), { force: true });
		writeFileSync(path.join(broken, name), content, { mode: 0o600 });
		const agent = world.start('agent', [path.join(build, 'tocsin-agent'), '--state', broken, '--set', 'probes=false', '--set', 'agent=agent-1']);
		assert.equal((await agent.ended).code, 1, agent.output);
		assert.match(agent.output, says);
	}
});

function crc32c(bytes) {
	let crc = ~0;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc >>> 0;
}

/** Makes the newest record of a spool one that no version of ours wrote, in a frame that is whole (agent/spool/segment.h). */
function rewriteNewestRecord(spool) {
	const file = path.join(spool, readdirSync(spool).filter((name) => name.endsWith('.seg')).sort().at(-1));
	const bytes = readFileSync(file);
	let last, at = 0;
	const length = () => bytes.readUInt32LE(at + 8);
	for (; bytes.readUInt32LE(at) !== 0; at += 48 + length()) last = at;
	at = last;
	const payload = bytes.subarray(at + 48, at + 48 + length()).fill(0xff);
	bytes.writeUInt32LE(crc32c(payload), at + 12);
	bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + 44)), at + 44);
	writeFileSync(file, bytes);
}

test('an agent that cannot know how far its logs were read says so and counts no line twice', async (t) => {
	const world = new World('unreadable');
	t.after(() => world.close());
	const collector = await world.collector();
	const log = world.path('access.log');
	writeFileSync(log, line(1) + line(2));
	const settings = { probes: 'false', window_ms: '100', taps: [{ path: log, workload: 'forum' }] };
	const agent = await world.agent(collector, { settings });
	await until('the lines are counted', async () => (await counted(collector)) === 2);
	await agent.stop();
	rewriteNewestRecord(path.join(agent.state, 'spool'));
	const again = await world.agent(collector, { settings, up: false });
	assert.equal((await again.ended).code, 1, again.output);
	assert.match(again.output, /newest record, which says how far the logs were read, cannot be read: record: not a Record/);
	assert.equal(await counted(collector), 2);
});

test('check, spool and settings tell an operator what there is', async (t) => {
	const world = new World('tell');
	t.after(() => world.close());
	const collector = await world.collector();
	const log = world.path('access.log');
	writeFileSync(log, line(1));
	const agent = await world.agent(collector, { settings: { probes: 'false', window_ms: '100', taps: [{ path: log, workload: 'forum' }] } });
	await until('the line is counted', async () => (await counted(collector)) === 1);
	await agent.stop();
	const run = async (...args) => {
		const p = world.start(args[0], [path.join(build, 'tocsin-agent'), ...args]);
		return { code: (await p.ended).code, output: p.output };
	};
	const list = await run('spool', 'list', '--state', agent.state);
	assert.equal(list.code, 0);
	assert.match(list.output, /sequence 1 .*bytes/);
	assert.match(list.output, /acknowledged up to [1-9]/);
	assert.equal((await run('spool', 'check', '--state', agent.state)).code, 0);
	const check = await run('check', '--state', agent.state);
	assert.match(check.output, /kernel.*Linux/);
	assert.match(check.output, /cgroup/);
	const settings = await run('settings');
	for (const key of ['collector', 'taps', 'fleet_key', 'window_ms']) assert.match(settings.output, new RegExp(`^# ${key}: `, 'm'));
	assert.equal((await run('nonsense')).code, 2);
});
