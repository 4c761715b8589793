// Live visitors of the demo's forum: some hundred signed-in members at a bounded rate, until SIGTERM.
//
//   node deploy/demo/traffic.mjs --port 8080 [--rate 50] [--members 400] [--seed 1] [--new-after 20]
//
// After --new-after seconds they discover live streaming, a function that the forum never had (F08): a 3(1) trigger while you watch.
import http from 'node:http';
import { parseArgs } from 'node:util';
import { chooser, groups, habits, memberName, memberOf, random, streams } from './forum.mjs';

const { values } = parseArgs({
	options: {
		port: { type: 'string' },
		rate: { type: 'string', default: '50' },
		members: { type: 'string', default: '400' },
		seed: { type: 'string', default: '1' },
		'new-after': { type: 'string', default: '20' },
	},
});
const port = Number(values.port);
const rate = Number(values.rate);
const members = Number(values.members);
const newAfterMs = Number(values['new-after']) * 1000;
if (!(port > 0 && rate > 0 && rate <= 1000 && members > 0 && newAfterMs >= 0)) {
	console.error('usage: traffic.mjs --port PORT [--rate 1..1000] [--members N] [--seed N] [--new-after SECONDS]');
	process.exit(2);
}

const IN_FLIGHT_MAX = 32; // a slow server is not pushed harder: visits beyond this are left out
const SIGNED_IN = 0.9;
const r = random(Number(values.seed));
const agent = new http.Agent({ keepAlive: true, maxSockets: IN_FLIGHT_MAX });
const known = chooser([...habits, groups]);
const grown = chooser([...habits, groups, streams]);
const started = performance.now();
let inFlight = 0;

function visit() {
	if (inFlight >= IN_FLIGHT_MAX) return;
	const habit = (performance.now() - started < newAfterMs ? known : grown)(r);
	const headers = { host: 'forum.example.com', 'user-agent': 'Mozilla/5.0 (demo)' };
	if (habit.members || r() < SIGNED_IN) headers.cookie = `theme=dark; member=${memberName(memberOf(r, members))}`;
	const body = habit.method === 'POST' ? 'text=hello' : undefined;
	if (body) {
		headers['content-type'] = 'application/x-www-form-urlencoded';
		headers['content-length'] = body.length;
	}
	inFlight++;
	const request = http.request({ host: '127.0.0.1', port, agent, method: habit.method, path: habit.path(r), headers }, (answer) => answer.resume());
	request.on('error', () => {}); // the forum may be restarted under us: the next visit tells
	request.on('close', () => inFlight--);
	request.end(body);
}

// Independent visitors come at exponential gaps.
let timer;
function next() {
	timer = setTimeout(() => {
		visit();
		next();
	}, (-Math.log(1 - r()) * 1000) / rate);
}
next();

for (const signal of ['SIGTERM', 'SIGINT']) {
	process.on(signal, () => {
		clearTimeout(timer);
		agent.destroy();
		process.exit(0);
	});
}
