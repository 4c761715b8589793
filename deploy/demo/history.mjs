// Weeks of access log of the demo's forum, in the combined format, oldest line first; the same bytes for the same seed and end.
//
//   node deploy/demo/history.mjs --out STATE/history.log [--weeks 6] [--seed 1] [--end 2026-11-23T12:00:00Z]
//
// Evenings are busier than nights, weekends than weekdays, and the membership grows by about three quarters. Three weeks before the end the
// forum adds groups (F05). The lines carry invented members and nobody's addresses.
import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { addressOf, chooser, groups, habits, memberName, memberOf, random } from './forum.mjs';

const { values } = parseArgs({
	options: {
		out: { type: 'string' },
		weeks: { type: 'string', default: '6' },
		seed: { type: 'string', default: '1' },
		end: { type: 'string', default: new Date().toISOString() },
	},
});
const weeks = Number(values.weeks);
const end = Date.parse(values.end);
if (!values.out || !(weeks >= 1 && weeks <= 52) || Number.isNaN(end)) {
	console.error('usage: history.mjs --out FILE [--weeks 1..52] [--seed N] [--end TIME]');
	process.exit(2);
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ZONE = 8 * HOUR; // the forum's log is in +0800
const LINES_A_DAY = 5600; // on an average weekday of the first week
const MEMBERS_FIRST = 1700;
const MEMBERS_LAST = 3000;
const GROUPS_BEFORE_END = 21 * DAY;
const CHUNK = 1 << 20;

// Share of a day's visits in each hour, 0:00 first: a trough at four, lunch, and an evening peak.
const rhythm = [26, 16, 10, 7, 6, 8, 15, 28, 42, 48, 50, 54, 62, 55, 48, 47, 49, 54, 62, 74, 84, 86, 70, 44];
const rhythmTotal = rhythm.reduce((a, b) => a + b);
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const browsers = [
	'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0 Safari/537.36',
	'Mozilla/5.0 (Linux; Android 15) Chrome/141.0 Mobile Safari/537.36',
	'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Mobile/15E148 Safari/604.1',
];
const r = random(Number(values.seed));
const before = chooser(habits);
const after = chooser([...habits, groups]);
const start = end - weeks * 7 * DAY;
const two = (n) => String(n).padStart(2, '0');

function hour(from) {
	const local = new Date(from + ZONE);
	const age = (from - start) / (end - start);
	const weekend = local.getUTCDay() % 6 === 0 ? 1.25 : 1;
	const population = MEMBERS_FIRST + (MEMBERS_LAST - MEMBERS_FIRST) * age ** 1.5;
	const share = rhythm[local.getUTCHours()] / rhythmTotal;
	const count = Math.round(LINES_A_DAY * (population / MEMBERS_FIRST) * weekend * share * (0.92 + 0.16 * r()));
	const choose = from < end - GROUPS_BEFORE_END ? before : after;
	const stamp = `[${two(local.getUTCDate())}/${months[local.getUTCMonth()]}/${local.getUTCFullYear()}:${two(local.getUTCHours())}:`;
	let text = '';
	for (let i = 0; i < count; i++) {
		const second = Math.floor(((i + r()) * 3600) / count);
		if (from + second * 1000 >= end) break;
		const habit = choose(r);
		const member = memberOf(r, population);
		const name = habit.members || r() < 0.8 ? memberName(member) : '-';
		const version = habit.status === 404 ? '1.0' : '1.1';
		text +=
			`${addressOf(member)} - ${name} ${stamp}${two(Math.floor(second / 60))}:${two(second % 60)} +0800] ` +
			`"${habit.method} ${habit.path(r)} HTTP/${version}" ${habit.status} ${habit.bytes} "-" "${browsers[member % 3]}"\n`;
	}
	return text;
}

const file = openSync(values.out, 'w', 0o600);
let pending = '';
for (let from = Math.floor(start / HOUR) * HOUR; from < end; from += HOUR) {
	pending += hour(from);
	if (pending.length >= CHUNK) {
		writeSync(file, pending);
		pending = '';
	}
}
writeSync(file, pending);
closeSync(file);
