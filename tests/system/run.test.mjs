// What `make run` and `make demo` start, and that stopping them leaves nothing behind.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { freePort, request, root, until, World } from './lib/harness.mjs';

/** Command lines of the processes whose arguments name `folder`. */
function processesIn(folder) {
	return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
		try {
			const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
			return line.includes(folder) && !readlinkSync(`/proc/${pid}/exe`).includes('node') ? [line] : [];
		} catch {
			return [];
		}
	});
}

async function start(t, mode) {
	const world = new World(mode);
	t.after(() => world.close());
	const [agents, dashboard, forum] = [await freePort(), await freePort(), await freePort()];
	const script = world.start(mode, [path.join(root, 'deploy/run'), ...(mode === 'demo' ? ['demo'] : [])], {
		env: { ...process.env, PORT_AGENTS: String(agents), PORT_DASHBOARD: String(dashboard), PORT_FORUM: String(forum) },
	});
	await script.line(/Tocsin is running/, { within: 60_000 });
	const [, base, code] = await script.line(/(https:\/\/127\.0\.0\.1:\d+)\/login#([\w-]+)/);
	const login = await request(`${base}/api/v1/login`, {
		method: 'POST', insecure: true, headers: { 'content-type': 'application/json', origin: base }, body: JSON.stringify({ code }),
	});
	assert.ok(login.status < 300, `the printed login signs in: ${login.status} ${login.text}`);
	const cookie = login.headers['set-cookie'][0].split(';')[0];
	const get = async (route) => JSON.parse((await request(base + route, { insecure: true, headers: { cookie } })).text);
	return { script, get, state: path.join(root, 'build', mode) };
}

test('make run: collector and agent with live probes, and a login that works', async (t) => {
	const { script, get, state } = await start(t, 'run');
	const { agents } = await until('the agent is connected', async () => {
		const answer = await get('/api/v1/agents');
		return answer.agents[0]?.connected && answer;
	});
	assert.equal(agents.length, 1);
	assert.match(script.output, /probes: attached/);
	assert.equal((await script.stop('SIGINT')).code, 0, script.output);
	assert.deepEqual(processesIn(state), []);
	assert.ok(existsSync(path.join(state, 'collector/tocsin.db')), 'what was counted is there at the next start');
});

test('make demo: a living dashboard with triggers, and nothing left when it stops', async (t) => {
	const { script, get, state } = await start(t, 'demo');
	const { triggers } = await until('a trigger from the history', async () => {
		const answer = await get('/api/v1/triggers?open=true');
		return answer.triggers.length > 0 && answer;
	});
	assert.equal(triggers[0].clause, '3(1)');
	assert.equal(triggers[0].functions[0].code, 'F05');
	const { users } = await get('/api/v1/services/forum/users');
	assert.ok(users.filter((row) => row.kind === 'account').length >= 40, 'weeks of users to draw');
	await until('live visitors are counted', async () => (await get('/api/v1/endpoints?limit=1000')).endpoints.some((e) => e.workload === 'nginx'));
	await until('live streaming raises a trigger while one watches', async () => {
		const live = (await get('/api/v1/triggers?open=true')).triggers.find((one) => one.functions[0].code === 'F08');
		return live && live.evidence.endpoints[0].endpoint === 'GET /live/streams/{id}';
	}, { within: 60_000, every: 500 });
	assert.equal((await script.stop('SIGINT')).code, 0, script.output);
	assert.deepEqual(processesIn(state), []);
	assert.ok(!existsSync(state), 'the demo takes its state with it');
});
