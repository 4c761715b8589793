// What the page shows and how it stays true: loaded once over REST, then kept by server-sent events, loaded anew after every gap.
//
// One event source, one state. Events carry triggers whole; everything else is a hint, and the hints of a busy collector are folded into at
// most one load per resource and period.
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
	| { type: 'failed'; why: string }
	| { type: 'raised'; trigger: api.Trigger; at: number }
	| { type: 'closed'; id: number; at: number };

export const nothing: Facts = {
	link: 'connecting', lostAt: 0, updatedAt: 0, failure: '', loaded: false,
	triggers: [], arrived: new Set(), services: [], users: new Map(), agents: [],
};

const DAYS_SHOWN = 90;
const CHARTS_LOADED = 24; // services whose users are loaded: the chart section's ceiling
const RETRY_MS = 3000;
const REFRESH_MS = 600_000; // a quiet collector sends no event, yet working days pass
const PERIOD_MS = { facts: 2000, users: 10_000 };

function enterLink(facts: Facts, link: Facts['link'], at: number): Facts {
	return { ...facts, link, lostAt: link === 'lost' && facts.link !== 'lost' ? at : facts.lostAt };
}

function raise(facts: Facts, trigger: api.Trigger, at: number): Facts {
	const known = facts.triggers.some((t) => t.id === trigger.id);
	const triggers = [...facts.triggers.filter((t) => t.id !== trigger.id), trigger];
	return { ...facts, triggers, arrived: known ? facts.arrived : new Set(facts.arrived).add(trigger.id), updatedAt: at };
}

export function step(facts: Facts, change: Change): Facts {
	switch (change.type) {
		case 'link':
			return enterLink(facts, change.link, change.at);
		case 'loaded':
			return { ...facts, ...change.part, failure: '', updatedAt: change.at };
		case 'failed':
			return { ...facts, failure: change.why };
		case 'raised':
			return raise(facts, change.trigger, change.at);
		case 'closed':
			return { ...facts, triggers: facts.triggers.filter((t) => t.id !== change.id), updatedAt: change.at };
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

/** Runs `load` at once, then at most once a period however often it is asked; the last ask is always answered. */
function folded(load: () => Promise<void>, periodMs: number) {
	let timer: number | undefined;
	let asked = false;
	const run = () => {
		asked = false;
		timer = window.setTimeout(() => {
			timer = undefined;
			if (asked) run();
		}, periodMs);
		void load();
	};
	return {
		ask() {
			if (timer === undefined) run();
			else asked = true;
		},
		stop() {
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

	const triggers = folded(guarded(async () => ({ triggers: (await api.openTriggers()).triggers })), PERIOD_MS.facts);
	const facts = folded(
		guarded(async () => {
			const [services, agents] = await Promise.all([api.services(), api.agents()]);
			return { services: services.services, agents: agents.agents, loaded: true };
		}),
		PERIOD_MS.facts,
	);
	const users = folded(guarded(async () => ({ users: await loadUsers((await api.services()).services) })), PERIOD_MS.users);
	const everything = () => {
		triggers.ask();
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
			else if (!stopped) retry = window.setTimeout(again, RETRY_MS);
		}
	}

	function connect() {
		if (stopped) return;
		const opened = new EventSource('/api/v1/events');
		source = opened;
		const on = (name: string, handle: (data: unknown) => void) =>
			opened.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent<string>).data)));
		on('ready', () => {
			change({ type: 'link', link: 'live', at: Date.now() });
			everything();
		});
		on('trigger', (data) => {
			change({ type: 'raised', trigger: data as api.Trigger, at: Date.now() });
			everything();
		});
		on('trigger-closed', (data) => {
			change({ type: 'closed', id: (data as api.Trigger).id, at: Date.now() });
			everything();
		});
		on('agents', everything);
		on('totals', everything);
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
		for (const f of [triggers, facts, users]) f.stop();
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
