// The demo's forum as its visitors use it: who they are and what they ask for. Shared by live traffic and generated history, so that a
// member of last month's log and the one who signs in now are the same person to whoever counts them.

/** mulberry32: small, seeded, good enough for a demo. Returns numbers in [0, 1). */
export function random(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

const thread = (r) => 40000 - Math.floor(r() ** 2 * 4000); // the newest threads are read most

// weight, method, path, status, bytes of the answer; `members` says that only signed-in visitors do it.
export const habits = [
	{ weight: 9, method: 'GET', path: () => '/', status: 200, bytes: 6120 },
	{ weight: 14, method: 'GET', path: () => '/forum/threads', status: 200, bytes: 18400 },
	{ weight: 27, method: 'GET', path: (r) => `/forum/threads/${thread(r)}`, status: 200, bytes: 24650 },
	{ weight: 12, method: 'GET', path: (r) => `/forum/threads/${thread(r)}/comments`, status: 200, bytes: 9310 },
	{ weight: 3, method: 'POST', path: (r) => `/forum/threads/${thread(r)}/comments`, status: 201, bytes: 142, members: true },
	{ weight: 0.8, method: 'POST', path: () => '/forum/threads', status: 201, bytes: 118, members: true },
	{ weight: 5, method: 'GET', path: (r) => `/users/${1000 + Math.floor(r() * 3000)}`, status: 200, bytes: 5020 },
	{ weight: 4, method: 'GET', path: () => '/search?q=weekend', status: 200, bytes: 7740 },
	{ weight: 9, method: 'GET', path: () => '/api/notifications', status: 200, bytes: 96, members: true },
	{ weight: 6, method: 'GET', path: () => '/static/app.css', status: 200, bytes: 11020 },
	{ weight: 5, method: 'GET', path: () => '/static/app.js', status: 200, bytes: 48210 },
	{ weight: 1.2, method: 'POST', path: () => '/login', status: 303, bytes: 0 },
	{ weight: 0.6, method: 'GET', path: () => '/old-link.html', status: 404, bytes: 146 },
];

/** F05, communication groups: added three weeks before the history ends, without an assessment. */
export const groups = { weight: 5, method: 'GET', path: (r) => `/groups/${1 + Math.floor(r() * 60)}`, status: 200, bytes: 4480 };

/** F08, live streaming: added while the newcomer watches. */
export const streams = { weight: 4, method: 'GET', path: (r) => `/live/streams/${1 + Math.floor(r() * 12)}`, status: 200, bytes: 40 };

/** Draws one of `list` by weight: precomputed, as history draws some hundred thousand times. */
export function chooser(list) {
	const total = list.reduce((sum, habit) => sum + habit.weight, 0);
	const slots = list.flatMap((habit) => Array(Math.round((habit.weight / total) * 1000)).fill(habit));
	return (r) => slots[Math.floor(r() * slots.length)];
}

/** Number of one of `population` members: a few come all the time, most seldom. */
export const memberOf = (r, population) => Math.floor(r() ** 2.4 * population);
export const memberName = (n) => `m${1000 + n}`;
/** A visitor's address, from the shared range of RFC 6598 or the documentation prefix of RFC 3849: nobody's. */
export function addressOf(n) {
	if (n % 8 === 7) return `2001:db8:${(n >> 4).toString(16)}::${(n & 15) + 1}`;
	return `100.${64 + ((n >> 12) & 63)}.${(n >> 4) & 255}.${1 + (n & 15) * 15}`;
}
