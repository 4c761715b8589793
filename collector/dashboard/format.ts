// Numbers with their units, times in the viewer's zone and legal days in Asia/Shanghai, as words of the viewer's language.
import type { Day, Time } from './api';
import type { Text } from './text';

const LEGAL_ZONE = 'Asia/Shanghai';
const Z95 = 1.96; // two-sided 95 % of a normal distribution

export const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** Whether the viewer's clock differs from the law's: then both are shown. */
export const abroad = new Date().getTimezoneOffset() !== -480;

export const count = (text: Text, n: number) => Math.round(n).toLocaleString(text.locale);

export function percent(text: Text, share: number): string {
	// Never rounds a loss away: 99.96 % is not 100 %.
	const floored = Math.floor(share * 1000) / 10;
	return `${floored.toLocaleString(text.locale, { maximumFractionDigits: 1 })} %`;
}

/** Half of the 95 % band of an estimate, rounded up: a claim of accuracy errs to the modest side. Below half a user it is none. */
export function margin(users: number, relativeError: number): number {
	const half = users * relativeError * Z95;
	return half < 0.5 ? 0 : Math.ceil(half);
}

export function estimate(text: Text, users: number, relativeError: number): string {
	const half = margin(users, relativeError);
	return half > 0 ? `${count(text, users)} ± ${count(text, half)}` : count(text, users);
}

const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };

/** "23 Nov, 20:26:29" in the viewer's zone; with the year when it is not this one. */
export function time(text: Text, at: Time, zone = viewerZone): string {
	const date = new Date(at);
	const year: Intl.DateTimeFormatOptions = date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' };
	return date.toLocaleString(text.locale, { day: 'numeric', month: 'short', ...year, ...clock, timeZone: zone });
}

/** The same with the zone's name, for times that somebody may quote: "23 Nov, 20:26:29 CET". */
export function zonedTime(text: Text, at: Time): string {
	const parts = new Intl.DateTimeFormat(text.locale, { timeZoneName: 'short', timeZone: viewerZone }).formatToParts(new Date(at));
	return `${time(text, at)} ${parts.find((p) => p.type === 'timeZoneName')?.value ?? viewerZone}`;
}

export const legalTime = (text: Text, at: Time) => time(text, at, LEGAL_ZONE);

export function clockTime(text: Text, ms: number): string {
	return new Date(ms).toLocaleTimeString(text.locale, clock);
}

/** A legal day: it names a day of Asia/Shanghai and must not move with the viewer's zone. */
export function day(text: Text, value: Day, weekday = false): string {
	const options: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' };
	if (weekday) options.weekday = 'short';
	return new Date(`${value}T00:00:00Z`).toLocaleDateString(text.locale, options);
}

/** Today in Asia/Shanghai, or `before` days ago, as YYYY-MM-DD. */
export function legalDay(before = 0): Day {
	return new Date(Date.now() + 8 * 3_600_000 - before * 86_400_000).toISOString().slice(0, 10);
}

/** "3.9 s", "4 min", "2 h", "12 days": one unit, rounded down, never fewer than two of it. */
export function duration(text: Text, ms: number): string {
	const sizes = [
		['day', 86_400_000],
		['hour', 3_600_000],
		['minute', 60_000],
	] as const;
	for (const [unit, size] of sizes) if (ms >= 2 * size) return `${Math.floor(ms / size)} ${text.units[unit]}`;
	const seconds = Math.max(0, ms) / 1000;
	return `${seconds < 10 ? Math.floor(seconds * 10) / 10 : Math.floor(seconds)} ${text.units.second}`;
}

export function ago(text: Text, at: Time, now: number): string {
	return text.since(duration(text, Math.max(0, Math.floor((now - Date.parse(at)) / 1000)) * 1000));
}
