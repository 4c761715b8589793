// Distinct users a day, a chart a service: what identity was counted, how sure the number is, and how many requests carried it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Users, UsersRow } from './api';
import { type Drawing, daysOf, draw } from './chart';
import { count, day, estimate, legalDay, margin, percent } from './format';
import { type Facts, charted } from './live';
import { Table } from './table';
import { useText } from './text';

const SHOWN_FIRST = 3; // charts before somebody asks for all

function Canvas({ rows, label, onDay }: { rows: readonly UsersRow[]; label: string; onDay: (index: number | null) => void }) {
	const text = useText();
	const users = useRef<HTMLDivElement>(null);
	const coverage = useRef<HTMLDivElement>(null);
	const drawing = useRef<Drawing | undefined>(undefined);
	useEffect(() => {
		drawing.current = draw({ users: users.current!, coverage: coverage.current! }, text.locale, rows, onDay);
		return () => drawing.current?.destroy();
	}, [text]);
	useEffect(() => drawing.current?.update(rows), [rows]);
	return (
		<div class="canvas" role="img" aria-label={label}>
			<div ref={users} />
			<p class="strip-label">{text.coverageStrip}</p>
			<div ref={coverage} />
		</div>
	);
}

function Readout({ row }: { row: UsersRow }) {
	const text = useText();
	return (
		<p class="readout">
			<strong>
				{estimate(text, row.users, row.relative_error)} {text.kind[row.kind]}
			</strong>{' '}
			{text.onDay(day(text, row.day, true))} {row.day === legalDay() && text.soFar}
			{row.coverage !== null && (
				<span class="muted">
					{' '}
					{text.coverageOf(percent(text, row.coverage))}
				</span>
			)}
		</p>
	);
}

function DaysTable({ service, rows }: { service: string; rows: readonly UsersRow[] }) {
	const text = useText();
	const [open, setOpen] = useState(false);
	return (
		<details onToggle={(event) => setOpen(event.currentTarget.open)}>
			<summary>{text.asTable}</summary>
			{open && (
				<Table
					label={`${text.users}: ${service}`}
					rows={[...rows].reverse()}
					keyOf={(r) => r.day}
					columns={[
						{ title: text.day, heading: true, cell: (r) => day(text, r.day, true) },
						{ title: text.usersLatest, number: true, cell: (r) => count(text, r.users) },
						{ title: text.band, number: true, cell: (r) => `± ${count(text, margin(r.users, r.relative_error))}` },
						{ title: text.coverage, number: true, cell: (r) => (r.coverage === null ? '–' : percent(text, r.coverage)) },
						{ title: text.requests, number: true, cell: (r) => count(text, r.requests_all) },
					]}
				/>
			)}
		</details>
	);
}

function Chart({ users }: { users: Users }) {
	const text = useText();
	const [index, setIndex] = useState<number | null>(null);
	const rows = users.users.filter((r) => r.kind === users.kind);
	const last = rows[rows.length - 1];
	if (!last || users.kind === null) return null;
	const row = (index === null ? undefined : daysOf(rows)[index]?.row) ?? last;
	return (
		<figure class="chart" data-service={users.service}>
			<figcaption>
				<h3>
					<span class="service">{users.service}</span> <span class="muted">{text.kind[users.kind]}</span>
				</h3>
				<Readout row={row} />
			</figcaption>
			<Canvas rows={rows} label={text.chartLabel(users.service, text.kind[users.kind], rows.length)} onDay={setIndex} />
			<DaysTable service={users.service} rows={rows} />
		</figure>
	);
}

export function UsersCharts({ facts }: { facts: Facts }) {
	const text = useText();
	const [all, setAll] = useState(false);
	const shown = charted(facts.services)
		.map((s) => facts.users.get(s.name))
		.filter((u): u is Users => u !== undefined && u.kind !== null && u.users.length > 0);
	return (
		<section id="users" aria-labelledby="users-title">
			<div class="head">
				<h2 id="users-title">{text.users}</h2>
				<p class="help">{text.usersHelp}</p>
			</div>
			{shown.length === 0 ? (
				<div class="empty">
					<p>
						<strong>{text.noUsers}</strong>
					</p>
					<p class="help">{text.noUsersHelp}</p>
				</div>
			) : (
				<div class="charts">
					{(all ? shown : shown.slice(0, SHOWN_FIRST)).map((u) => (
						<Chart key={u.service} users={u} />
					))}
				</div>
			)}
			{!all && shown.length > SHOWN_FIRST && (
				<button type="button" class="quiet" onClick={() => setAll(true)}>
					{text.showAll(shown.length)}
				</button>
			)}
		</section>
	);
}
