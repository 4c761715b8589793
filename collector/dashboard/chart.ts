// One chart of distinct users a day: the estimate with its 95 % band, and below it the share of requests that carried the identity.
// uPlot draws on canvas; this file is all that knows it. Colours come from the style sheet, so that they follow light and dark.
import uPlot from 'uplot';
import type { UsersRow } from './api';
import { legalDay, margin } from './format';

const DAY_S = 86_400;
const DAYS_LEAST = 14;
const HEIGHT = { users: 180, coverage: 58 };
const AXIS_WIDTH = 56;

export interface Drawing {
	update(rows: readonly UsersRow[]): void;
	destroy(): void;
}

export interface Hosts {
	users: HTMLElement;
	coverage: HTMLElement;
}

/** What is drawn, left to right: every day from the first row's to the last row's, and at least a fortnight. A day on which nothing was
 * counted has no row: it is a gap, not a line between its neighbours. */
export function daysOf(rows: readonly UsersRow[]): { at: number; row: UsersRow | undefined }[] {
	const byDay = new Map(rows.map((row) => [Date.parse(`${row.day}T00:00:00Z`) / 1000, row]));
	const last = Math.max(...byDay.keys());
	const first = Math.min(...byDay.keys(), last - (DAYS_LEAST - 1) * DAY_S);
	const days = [];
	for (let at = first; at <= last; at += DAY_S) days.push({ at, row: byDay.get(at) });
	return days;
}

function columns(rows: readonly UsersRow[]): { users: uPlot.AlignedData; coverage: uPlot.AlignedData } {
	const days = daysOf(rows);
	const x = days.map((d) => d.at);
	const pick = (value: (row: UsersRow) => number | null) => days.map((d) => (d.row ? value(d.row) : null));
	// A day that is not over is a lower bound: a hollow point, not the end of a line that seems to fall.
	const today = legalDay();
	const over = (value: (row: UsersRow) => number) => pick((r) => (r.day === today ? null : value(r)));
	return {
		users: [
			x,
			over((r) => Math.max(0, r.users - margin(r.users, r.relative_error))),
			over((r) => r.users),
			over((r) => r.users + margin(r.users, r.relative_error)),
			pick((r) => (r.day === today ? r.users : null)),
		],
		coverage: [x, pick((r) => r.coverage)],
	};
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(locale: string, width: number, sync: string, onDay: (index: number | null) => void) {
	const font = `12px ${getComputedStyle(document.body).fontFamily}`;
	const line = colour('--chart');
	const grid = { stroke: colour('--rule'), width: 1 };
	const axis = { font, stroke: colour('--muted'), grid, ticks: { show: false } };
	const shared = {
		width,
		legend: { show: false },
		cursor: { sync: { key: sync }, drag: { x: false, y: false }, y: false },
		tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'), // a legal day is a date, not a moment
	} satisfies Partial<uPlot.Options>;
	const dates = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' });
	const users: uPlot.Options = {
		...shared,
		height: HEIGHT.users,
		padding: [10, 26, 0, 0],
		scales: { y: { range: (_plot, _min, max) => [0, Math.max(5, (max ?? 0) * 1.12)] } },
		axes: [
			{
				...axis,
				size: 30,
				space: 64,
				incrs: [DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 28 * DAY_S],
				values: (_plot, at) => at.map((s) => dates.format(s * 1000)),
			},
			{ ...axis, size: AXIS_WIDTH, values: (_plot, values) => values.map((v) => v.toLocaleString(locale)) },
		],
		series: [
			{},
			{ stroke: 'transparent', points: { show: false } },
			{ stroke: line, width: 2, points: { show: true, size: 5, fill: line } },
			{ stroke: 'transparent', points: { show: false } },
			{ stroke: line, points: { show: true, size: 7, stroke: line, fill: colour('--sheet') } },
		],
		bands: [{ series: [3, 1], fill: colour('--band') }],
		hooks: { setCursor: [(plot) => onDay(plot.cursor.idx ?? null)] },
	};
	const coverage: uPlot.Options = {
		...shared,
		height: HEIGHT.coverage,
		padding: [6, 26, 6, 0],
		scales: { y: { range: [0, 1] } },
		axes: [
			{ ...axis, show: false },
			{ ...axis, size: AXIS_WIDTH, splits: [0, 0.8, 1], values: () => ['0', '80 %', ''] },
		],
		series: [{}, { stroke: colour('--muted'), width: 1.5, fill: colour('--wash'), points: { size: 4 } }],
	};
	return { users, coverage };
}

let charts = 0;

/** Draws into `hosts` and follows their width and the viewer's colour scheme until destroyed. `onDay` tells the day under the pointer. */
export function draw(hosts: Hosts, locale: string, rows: readonly UsersRow[], onDay: (index: number | null) => void): Drawing {
	const sync = `users-${++charts}`;
	let plots: uPlot[] = [];
	let shown = rows;

	function build() {
		for (const plot of plots) plot.destroy();
		const data = columns(shown);
		const made = options(locale, hosts.users.clientWidth, sync, onDay);
		plots = [new uPlot(made.users, data.users, hosts.users), new uPlot(made.coverage, data.coverage, hosts.coverage)];
	}

	const scheme = matchMedia('(prefers-color-scheme: dark)');
	scheme.addEventListener('change', build);
	const resized = new ResizeObserver(() => {
		const width = hosts.users.clientWidth;
		for (const plot of plots) if (plot.width !== width) plot.setSize({ width, height: plot.height });
	});
	build();
	resized.observe(hosts.users);
	return {
		update(next) {
			shown = next;
			const data = columns(shown);
			plots[0]?.setData(data.users);
			plots[1]?.setData(data.coverage);
		},
		destroy() {
			resized.disconnect();
			scheme.removeEventListener('change', build);
			for (const plot of plots) plot.destroy();
		},
	};
}
