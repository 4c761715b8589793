// What system and browser tests share: a world of real processes in one temporary folder, and waiting for conditions.
//
// A world owns every process it started and stops exactly those, by their own pid, the last one first; then it removes its folder. Nothing
// here sleeps for a guessed time: `until` asks again and again until a deadline. The programs' command lines stand in this file only.
import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const build = process.env.TOCSIN_BUILD ? path.resolve(process.env.TOCSIN_BUILD) : path.join(root, 'build');

const OUTPUT_MAX = 1 << 20; // kept of each process, for failure messages
const STOP_GRACE_MS = 10_000;
const ANSWER_MAX = 64 << 20;

/** Asks `probe` until it gives something truthy and returns that; throws with the last thing seen when `within` ms have passed. */
export async function until(what, probe, { within = 30_000, every = 50 } = {}) {
	const end = performance.now() + within;
	let seen;
	for (;;) {
		try {
			seen = await probe();
			if (seen) return seen;
		} catch (error) {
			if (error instanceof Gone) throw error;
			seen = error;
		}
		if (performance.now() >= end) {
			const last = seen instanceof Error ? seen.stack : JSON.stringify(seen);
			throw new Error(`${what}: not within ${within} ms; last seen: ${last}`);
		}
		await new Promise((done) => setTimeout(done, every));
	}
}

/** A process ended while somebody waited for it: no use in waiting on. */
export class Gone extends Error {}

/** A port of loopback that nobody listened on just now. */
export function freePort() {
	return new Promise((resolve, reject) => {
		const server = net.createServer();
		server.on('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

const alive = new Set();
process.on('exit', () => {
	for (const p of alive) p.kill('SIGKILL');
});

/** One child process: its output, its end, and how to stop it. */
export class Process {
	constructor(name, argv, options = {}) {
		this.name = name;
		this.output = '';
		this.child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, ...options });
		this.pid = this.child.pid;
		const keep = (chunk) => {
			this.output = (this.output + chunk).slice(-OUTPUT_MAX);
		};
		this.child.stdout?.setEncoding('utf8').on('data', keep);
		this.child.stderr?.setEncoding('utf8').on('data', keep);
		alive.add(this.child);
		/** @type {Promise<{code: number|null, signal: string|null}>} */
		this.ended = new Promise((resolve) => {
			this.child.on('error', (error) => {
				this.output += `\n${error.message}`;
				alive.delete(this.child);
				this.end ??= { code: 127, signal: null };
				resolve(this.end);
			});
			this.child.on('close', (code, signal) => {
				alive.delete(this.child);
				this.end ??= { code, signal };
				resolve(this.end);
			});
		});
	}

	get running() {
		return !this.end;
	}

	assertRunning() {
		if (!this.running) throw new Gone(`${this.name} ended (${this.end.signal ?? `exit ${this.end.code}`}):\n${this.output.slice(-4000)}`);
	}

	/** Waits for a line of its output; returns the match. */
	line(pattern, options) {
		return until(`${this.name} says ${pattern}`, () => {
			const match = this.output.match(pattern);
			if (!match) this.assertRunning();
			return match;
		}, options);
	}

	/** Sends `signal` and waits for the end; kills when it does not come. */
	async stop(signal = 'SIGTERM') {
		if (this.running) {
			this.child.kill(signal);
			const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_GRACE_MS);
			await this.ended;
			clearTimeout(timer);
		}
		return this.end;
	}
}

/** One request; resolves with status, headers and the body's text. Follows nothing. */
export function request(url, { method = 'GET', headers = {}, body, ca, insecure = false, agent } = {}) {
	return new Promise((resolve, reject) => {
		const client = url.startsWith('https:') ? https : http;
		const outgoing = client.request(url, { method, headers, ca, rejectUnauthorized: !insecure, agent }, (answer) => {
			let text = '';
			answer.setEncoding('utf8');
			answer.on('data', (chunk) => {
				text += chunk;
				if (text.length > ANSWER_MAX) outgoing.destroy(new Error(`${url}: answer above ${ANSWER_MAX} bytes`));
			});
			answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
			answer.on('error', reject);
		});
		outgoing.on('error', reject);
		outgoing.end(body);
	});
}

/** A wire between two programs that a test can cut and mend: a TCP relay on a port of its own. */
export class Relay {
	constructor(port) {
		this.to = port;
		this.sockets = new Set();
	}

	async mend() {
		this.server = net.createServer((near) => {
			const far = net.connect(this.to, '127.0.0.1');
			for (const [socket, other] of [[near, far], [far, near]]) {
				this.sockets.add(socket);
				socket.pipe(other);
				socket.on('error', () => other.destroy());
				socket.on('close', () => {
					this.sockets.delete(socket);
					other.destroy();
				});
			}
		});
		await new Promise((resolve, reject) => this.server.once('error', reject).listen(this.port ?? 0, '127.0.0.1', resolve));
		this.port = this.server.address().port;
	}

	/** Breaks what is open and refuses what comes, until mended. */
	async cut() {
		const closed = new Promise((resolve) => this.server.close(resolve));
		for (const socket of this.sockets) socket.destroy();
		await closed;
	}
}

/** A folder and the processes in it. `await world.close()` leaves neither behind; give it to `t.after`. */
export class World {
	constructor(name = 'world') {
		this.dir = mkdtempSync(path.join(os.tmpdir(), `tocsin-${name}-`));
		this.processes = [];
		this.relays = [];
	}

	path(...parts) {
		return path.join(this.dir, ...parts);
	}

	folder(...parts) {
		const dir = this.path(...parts);
		mkdirSync(dir, { recursive: true });
		return dir;
	}

	start(name, argv, options) {
		const p = new Process(name, argv, options);
		this.processes.push(p);
		return p;
	}

	/** A relay to a port of loopback; goes with the world. */
	async relay(port) {
		const relay = new Relay(port);
		await relay.mend();
		this.relays.push(relay);
		return relay;
	}

	/** build/tocsin-collector with a state folder; ready when its API answers. */
	async collector({ settings = {}, state = 'collector' } = {}) {
		const collector = new Collector(this, state);
		await collector.start(settings);
		return collector;
	}

	/**
	 * build/tocsin-agent enrolled at `collector` (null: `settings` say where else), with its name for a state folder. With a `command` it is started
	 * and left to itself; without one it is up when this resolves, unless `up` is false.
	 */
	async agent(collector, { name = 'agent-1', settings = {}, command = [], files = [], up = command.length === 0, options } = {}) {
		const state = this.folder(name);
		const where = collector ? { collector: collector.ingest } : {};
		if (collector) await collector.enroll(name, path.join(state, 'pki'));
		const agent = this.start(name, [
			path.join(build, 'tocsin-agent'), ...command, '--state', state, ...setArguments({ agent: name, ...where, ...settings }), ...files,
		], options);
		if (up) await agent.line(/agent: up/);
		return Object.assign(agent, { state });
	}

	/** Runs a program to its end; throws with its output when that is not exit 0. */
	async run(name, argv, options) {
		const p = this.start(name, argv, options);
		const { code } = await p.ended;
		if (code !== 0) p.assertRunning();
		return p.output;
	}

	/** The demo's forum on nginx; ready when it answers. */
	async forum() {
		const port = await freePort();
		const prefix = this.folder('nginx');
		const conf = path.join(prefix, 'nginx.conf');
		writeFileSync(conf, readFileSync(path.join(root, 'deploy/demo/nginx.conf'), 'utf8').replaceAll('@PORT@', String(port)));
		const process = this.start('nginx', ['/usr/sbin/nginx', '-e', 'stderr', '-p', prefix, '-c', conf]);
		const url = `http://127.0.0.1:${port}`;
		await until('nginx answers', async () => {
			process.assertRunning();
			return (await request(`${url}/healthz`)).status === 200;
		});
		return { url, port, process, accessLog: path.join(prefix, 'access.log') };
	}

	async close() {
		for (const p of this.processes.reverse()) await p.stop();
		for (const relay of this.relays) if (relay.server.listening) await relay.cut();
		rmSync(this.dir, { recursive: true, force: true });
	}
}

/** "--set", "key=value" for each key; a value that is not text goes as JSON, which YAML reads. */
export function setArguments(settings) {
	return Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`]);
}

/** A running collector as its clients see it. */
export class Collector {
	constructor(world, state) {
		this.world = world;
		this.state = world.folder(state);
	}

	/** Starts again, on the same ports and state, with the same settings. */
	restart() {
		return this.start(this.settings);
	}

	async start(settings) {
		this.settings = settings;
		this.apiPort ??= await freePort();
		this.ingestPort ??= await freePort();
		this.url = `https://127.0.0.1:${this.apiPort}`;
		this.ingest = `127.0.0.1:${this.ingestPort}`;
		this.process = this.world.start('collector', [
			path.join(build, 'tocsin-collector'), '--state', this.state,
			...setArguments({ api_listen: `127.0.0.1:${this.apiPort}`, listen: this.ingest, ...settings }),
		]);
		await until('the collector answers', async () => {
			this.process.assertRunning();
			return (await this.call('GET', '/api/v1/health', undefined, { anonymous: true })).status === 200;
		});
	}

	/** Makes the certificate of one agent in `dir`, unless there is one. */
	async enroll(agent, dir) {
		if (existsSync(path.join(dir, 'agent.crt'))) return;
		await this.world.run('enroll', [path.join(build, 'tocsin-collector'), 'enroll', agent, '--state', this.state, '--to', dir]);
	}

	/** Kills it as a power cut would and starts it again on the same ports and state. */
	async restart(signal = 'SIGKILL') {
		await this.process.stop(signal);
		await this.start(this.settings);
	}

	/** The API token that tocsinctl uses, from the state folder. */
	get token() {
		const file = path.join(this.state, 'api.token');
		return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
	}

	/** Address with the one-time login, as printed on start; `origin` is for who comes by a relay. */
	async loginUrl(origin = this.url) {
		const [, code] = await this.process.line(/\/login#([A-Za-z0-9_-]+)/);
		return `${origin}/login#${code}`;
	}

	/** Calls the API; the answer's `json` is parsed when it is JSON. */
	async call(method, route, body, { anonymous = false } = {}) {
		const headers = { accept: 'application/json' };
		if (body !== undefined) headers['content-type'] = 'application/json';
		if (!anonymous) headers.authorization = `Bearer ${this.token}`;
		const answer = await request(this.url + route, {
			method, headers, body: body === undefined ? undefined : JSON.stringify(body), insecure: true,
		});
		if (/json/.test(answer.headers['content-type'] ?? '')) answer.json = JSON.parse(answer.text);
		return answer;
	}
}
