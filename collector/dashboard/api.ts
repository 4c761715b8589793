// The collector's REST API as collector/api/openapi.yaml describes it: its types, and one function a resource.

export type Time = string; // RFC 3339, UTC
export type Day = string; // YYYY-MM-DD, a day of Asia/Shanghai
export type IdentityKind = 'address' | 'session' | 'account';

export interface FunctionClass {
	code: string;
	name: string;
	name_zh: string;
}

export interface Clock {
	kind: 'before-launch' | 'working-days';
	status: 'blocked before launch' | 'launched unfiled' | 'running' | 'due today' | 'overdue' | 'stopped';
	status_zh: string;
	due_on: Day;
	due_at: Time;
	working_days_total: number | null;
	working_days_elapsed: number;
	working_days_left: number | null;
	overdue: boolean;
	provisional: boolean;
}

export interface Trigger {
	id: number;
	clause: string;
	clause_title: string;
	clause_title_zh: string;
	service: string;
	state: 'candidate' | 'confirmed' | 'dismissed' | 'closed';
	functions: FunctionClass[];
	occurred_at: Time;
	detected_at: Time;
	confirmed_at: Time | null;
	clock: Clock;
	reason: string;
	reason_zh: string;
	evidence: Record<string, unknown>;
}

export interface LatestUsers {
	day: Day;
	kind: IdentityKind;
	users: number;
	relative_error: number;
	coverage: number;
	sufficient: boolean;
}

export interface Service {
	name: string;
	title: string | null;
	declared: boolean;
	news: boolean;
	functions: FunctionClass[];
	unassessed: string[];
	assessment: { filed_on: Day | null; functions: FunctionClass[] } | null;
	first_seen: Time | null;
	last_seen: Time | null;
	endpoints: number;
	requests_24h: number;
	users: LatestUsers | null;
}

export interface UsersRow {
	day: string;
	kind: IdentityKind;
	users: number;
	relative_error: number;
	requests: number;
	requests_all: number;
	coverage: number | null;
}

export interface Users {
	service: string;
	kind: IdentityKind | null;
	users: UsersRow[];
	total?: UsersRow[];
}

export interface Endpoint {
	id: number;
	service: string;
	workload: string;
	host: string;
	method: string;
	template: string;
	content: string;
	takes_input: boolean;
	functions: FunctionClass[];
	first_seen: Time;
	first_good: Time | null;
	detected_at: Time;
	last_seen: Time;
	requests: number;
	good: number;
}

export interface Ledger {
	seen: number;
	counted: number;
	malformed: number;
	skipped: number;
	known_gap: number;
	events: number;
	events_malformed: number;
	events_lost: number;
	gap_ms: number;
}

export interface Agent {
	id: string;
	connected: boolean;
	version: string;
	kernel: string;
	first_seen: Time;
	last_seen: Time;
	lost_records: number;
	sources: number;
	coverage: number | null;
	ledger: Ledger;
}

/** What the collector says when it refuses: RFC 9457 problem details, or the bare status when the answer was not one. */
export class Refused extends Error {
	constructor(
		readonly status: number,
		readonly detail: string,
		readonly remedy: string,
	) {
		super(detail);
	}
}

const ANSWER_MS = 10_000; // after which an answer is no longer waited for

async function call(path: string, init?: RequestInit): Promise<Response> {
	const answer = await fetch(`/api/v1${path}`, { cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(ANSWER_MS), ...init });
	if (answer.ok) return answer;
	const problem: unknown = await answer.json().catch(() => null);
	const field = (name: string) => {
		const value = (problem as Record<string, unknown> | null)?.[name];
		return typeof value === 'string' ? value : '';
	};
	throw new Refused(answer.status, field('detail') || `${answer.status} ${answer.statusText}`, field('remedy'));
}

async function get<T>(path: string): Promise<T> {
	return (await call(path)).json() as Promise<T>;
}

export async function login(code: string): Promise<void> {
	await call('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }) });
}

export async function logout(): Promise<void> {
	await call('/logout', { method: 'POST' });
}

export const session = () => get<{ expires_at: Time | null }>('/session');
export const openTriggers = () => get<{ triggers: Trigger[] }>('/triggers?open=true');
export const services = () => get<{ as_of: Time; services: Service[] }>('/services');
export const agents = () => get<{ agents: Agent[] }>('/agents');
export const users = (service: string, from: Day) => get<Users>(`/services/${encodeURIComponent(service)}/users?from=${from}`);

export function endpoints(service: string, functions: readonly string[]) {
	const filter = new URLSearchParams({ service, limit: '200' });
	if (functions.length > 0) filter.set('function', functions.join(','));
	return get<{ endpoints: Endpoint[]; truncated: boolean }>(`/endpoints?${filter}`);
}
