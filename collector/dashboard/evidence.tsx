// The evidence of a trigger, as its rule wrote it: facts as a list, endpoints as a table. Rules may add keys; none is hidden here.
import type { ComponentChildren } from 'preact';
import { count, day, time } from './format';
import { Table } from './table';
import { type Text, localized, useText } from './text';

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
/** Function classes are named in a line; other lists of records become a table. */
const isClass = (value: unknown): value is Json => isRecord(value) && typeof value['code'] === 'string';
const isRecords = (value: unknown): value is Json[] =>
	Array.isArray(value) && value.length > 0 && value.every(isRecord) && !value.every(isClass);

/** The unit is said by the key's end: "_ms" and "_at" are times, "_on" is a legal day. */
const bare = (key: string) => key.replace(/_(ms|at)$/, '');
const label = (text: Text, key: string) => text.evidenceKeys[key] ?? text.evidenceKeys[bare(key)] ?? key;

function isTime(key: string, value: unknown): value is string | number {
	if (typeof value === 'number') return key.endsWith('_ms') && value > 0;
	return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
}

function words(text: Text, key: string, value: unknown): ComponentChildren {
	if (isTime(key, value)) return time(text, typeof value === 'number' ? new Date(value).toISOString() : value);
	if (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)) return day(text, value);
	if (typeof value === 'number') return count(text, value);
	if (typeof value === 'boolean') return value ? text.yes : text.no;
	if (value === null || value === '' || value === undefined) return '–';
	if (Array.isArray(value)) return value.length > 0 ? value.map((v) => (isClass(v) ? named(text, v) : String(v))).join(text.list) : '–';
	if (isRecord(value)) return <Facts of={value} />;
	if (key === 'level' || key === 'change') return text.evidenceValues[String(value)] ?? String(value);
	return key === 'endpoint' ? <code>{String(value)}</code> : String(value);
}

/** A function class among other values: its code and name. */
function named(text: Text, value: Json): string {
	return `${value['code']} ${localized(text, String(value['name']), String(value['name_zh']))}`;
}

function Facts({ of }: { of: Json }) {
	const text = useText();
	return (
		<dl class="facts">
			{Object.entries(of).map(([key, value]) => (
				<div key={key}>
					<dt>{label(text, key)}</dt>
					<dd>{words(text, key, value)}</dd>
				</div>
			))}
		</dl>
	);
}

function Records({ title, rows }: { title: string; rows: Json[] }) {
	const text = useText();
	const keys = [...new Set(rows.flatMap(Object.keys))];
	return (
		<Table
			label={title}
			rows={rows}
			keyOf={(row) => JSON.stringify(row)}
			columns={keys.map((key) => ({
				title: label(text, key),
				heading: key === 'endpoint',
				number: rows.every((row) => typeof row[key] === 'number' && !isTime(key, row[key])),
				cell: (row: Json) => words(text, key, row[key]),
			}))}
		/>
	);
}

export function Evidence({ of }: { of: Json }) {
	const text = useText();
	const facts = Object.entries(of).filter(([, value]) => !isRecords(value));
	const tables = Object.entries(of).filter((entry): entry is [string, Json[]] => isRecords(entry[1]));
	return (
		<>
			{facts.length > 0 && <Facts of={Object.fromEntries(facts)} />}
			{tables.map(([key, rows]) => (
				<Records key={key} title={label(text, key)} rows={rows} />
			))}
		</>
	);
}
