// What the page shows and how it stays true: loaded once over REST, then kept by server-sent events, loaded anew after every gap.
//
// One event source, one state. An event is a hint to load, whatever it carries: so the page shows what the API says and nothing else, and the
// hints of a busy collector fold into at most one load a period.
import { useEffect, useReducer } from 'preact/hooks';
import * as api from './api';
import { legalDay } from './format';

export interface Facts {
	link: 'connecting' | 'live' | 'lost' | 'signed-out';
	lostAt: number; // while link is lost
	updatedAt: number;
	failure: string; // why the last load failed; empty when it did not
	loaded: boolean;
	triggers: api.Trigger[];
	arrived: ReadonlySet<number>; // triggers raised while this page was open
	services: api.Service[];
	users: ReadonlyMap<string, api.Users>;
	agents: api.Agent[];
}

type Change =
	| { type: 'link'; link: Facts['link']; at: number }
	| { type: 'loaded'; at: number; part: Partial<Pick<Facts, 'triggers' | 'services' | 'users' | 'agents' | 'loaded'>> }
	| { type: 'failed'; why: string };

export const nothing: Facts = {
	link: 'connecting', lostAt: 0, updatedAt: 0, failure: '', loaded: false,
	triggers: [], arrived: new Set(), services: [], users: new Map(), agents: [],
};

const DAYS_SHOWN = 90;
const CHARTS_LOADED = 24; // services whose users are loaded: the chart section's ceiling
const RETRY_MS = 3000;
const REFRESH_MS = 30_000; // a half-open connection looks quiet, and a quiet collector's working days pass: both are found by asking
const PERIOD_MS = { facts: 1000, users: 10_000 };

function enterLink(facts: Facts, link: Facts['link'], at: number): Facts {
	return { ...facts, link, lostAt: link === 'lost' && facts.link !== 'lost' ? at : facts.lostAt };
}

/** Triggers of a load that an earlier load did not have: raised while this page was open, or while its connection was down. */
function arrived(facts: Facts, triggers: readonly api.Trigger[] | undefined): ReadonlySet<number> {
	if (!facts.loaded || !triggers) return facts.arrived;
	const known = new Set(facts.triggers.map((t) => t.id));
	const fresh = triggers.filter((t) => !known.has(t.id)).map((t) => t.id);
	return fresh.length > 0 ? new Set([...facts.arrived, ...fresh]) : facts.arrived;
}

export function step(facts: Facts, change: Change): Facts {
	switch (change.type) {
		case 'link':
			return enterLink(facts, change.link, change.at);
		case 'loaded':
			return { ...facts, ...change.part, arrived: arrived(facts, change.part.triggers), failure: '', updatedAt: change.at };
		case 'failed':
			return { ...facts, failure: change.why };
	}
}

/** Which services get a chart, the ones that matter first: with Article 2 functions, then the busiest. */
export function charted(services: readonly api.Service[]): api.Service[] {
	const rank = (s: api.Service) => [s.functions.length > 0 ? 1 : 0, s.requests_24h] as const;
	return services
		.filter((s) => s.users !== null)
		.sort((a, b) => rank(b)[0] - rank(a)[0] || rank(b)[1] - rank(a)[1])
		.slice(0, CHARTS_LOADED);
}

async function loadUsers(services: readonly api.Service[]): Promise<Map<string, api.Users>> {
	const from = legalDay(DAYS_SHOWN);
	const all = await Promise.all(charted(services).map((s) => api.users(s.name, from)));
	return new Map(all.map((u) => [u.service, u]));
}

/** Runs `load` at once, then never before the last one ended and a period went by, however often it is asked; the last ask is always
 * answered. So answers cannot overtake each other. */
function folded(load: () => Promise<void>, periodMs: number) {
	let state: 'idle' | 'waiting' | 'asked' | 'stopped' = 'idle';
	let timer: number | undefined;
	async function run() {
		state = 'waiting';
		await load();
		timer = window.setTimeout(next, periodMs);
	}
	function next() {
		if (state === 'asked') void run();
		else if (state === 'waiting') state = 'idle';
	}
	return {
		ask() {
			if (state === 'idle') void run();
			else if (state === 'waiting') state = 'asked';
		},
		stop() {
			state = 'stopped';
			window.clearTimeout(timer);
		},
	};
}

function follow(change: (c: Change) => void): () => void {
	let stopped = false;
	let source: EventSource | undefined;
	let retry: number | undefined;
	let reload: number | undefined;

	const failed = (error: unknown) => {
		if (stopped) return;
		if (error instanceof api.Refused && error.status === 401) return signOut();
		change({ type: 'failed', why: error instanceof Error ? error.message : String(error) });
		window.clearTimeout(reload);
		reload = window.setTimeout(everything, RETRY_MS);
	};
	const guarded = (load: () => Promise<Partial<Facts>>) => () =>
		load().then((part) => {
			if (!stopped) change({ type: 'loaded', at: Date.now(), part });
		}, failed);

	const facts = folded(
		guarded(async () => {
			const [triggers, services, agents] = await Promise.all([api.openTriggers(), api.services(), api.agents()]);
			return { triggers: triggers.triggers, services: services.services, agents: agents.agents, loaded: true };
		}),
		PERIOD_MS.facts,
	);
	const users = folded(guarded(async () => ({ users: await loadUsers((await api.services()).services) })), PERIOD_MS.users);
	const everything = () => {
		facts.ask();
		users.ask();
	};

	function signOut() {
		stop();
		change({ type: 'link', link: 'signed-out', at: Date.now() });
	}

	// A refused event stream is not tried again by the browser. Whether that was the session or the collector, /session tells.
	async function again() {
		try {
			await api.session();
			connect();
		} catch (error) {
			if (error instanceof api.Refused && error.status === 401) signOut();
			else if (!stopped) {
				change({ type: 'failed', why: error instanceof Error ? error.message : String(error) });
				retry = window.setTimeout(again, RETRY_MS);
			}
		}
	}

	function connect() {
		if (stopped) return;
		const opened = new EventSource('/api/v1/events');
		source = opened;
		opened.addEventListener('ready', () => {
			change({ type: 'link', link: 'live', at: Date.now() });
			everything();
		});
		for (const hint of ['trigger', 'trigger-closed', 'agents', 'totals']) opened.addEventListener(hint, everything);
		opened.onerror = () => {
			if (stopped) return;
			change({ type: 'link', link: 'lost', at: Date.now() });
			if (opened.readyState === EventSource.CLOSED) retry = window.setTimeout(again, RETRY_MS);
		};
	}

	function stop() {
		stopped = true;
		source?.close();
		window.clearTimeout(retry);
		window.clearTimeout(reload);
		window.clearInterval(refresh);
		for (const f of [facts, users]) f.stop();
	}

	const refresh = window.setInterval(everything, REFRESH_MS);
	void again();
	return stop;
}

/** The facts of the page, live while the component is mounted. */
export function useFacts(): Facts {
	const [facts, change] = useReducer(step, nothing);
	useEffect(() => follow(change), []);
	return facts;
}
