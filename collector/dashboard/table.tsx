// A table that becomes a list of cards on a narrow screen. The roles are spelled out because a changed `display` takes a table's meaning
// away from assistive technology.
import type { ComponentChildren } from 'preact';

export interface Column<Row> {
	title: string;
	number?: boolean; // right-aligned, tabular figures
	heading?: boolean; // names the row
	cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
	label: string;
	columns: readonly Column<Row>[];
	rows: readonly Row[];
	keyOf: (row: Row) => string | number;
	below?: (row: Row) => ComponentChildren; // a full-width row under this one, when there is something to show
}

export function Table<Row>({ label, columns, rows, keyOf, below }: TableProps<Row>) {
	return (
		<table role="table" aria-label={label}>
			<thead role="rowgroup">
				<tr role="row">
					{columns.map((c) => (
						<th role="columnheader" scope="col" key={c.title} class={c.number ? 'number' : ''}>
							{c.title}
						</th>
					))}
				</tr>
			</thead>
			<tbody role="rowgroup">
				{rows.map((row) => {
					const more = below?.(row);
					return [
						<tr role="row" key={keyOf(row)}>
							{columns.map((c) =>
								c.heading ? (
									<th role="rowheader" scope="row" key={c.title} data-label={c.title}>
										<div>{c.cell(row)}</div>
									</th>
								) : (
									<td role="cell" key={c.title} data-label={c.title} class={c.number ? 'number' : ''}>
										<div>{c.cell(row)}</div>
									</td>
								),
							)}
						</tr>,
						more ? (
							<tr role="row" key={`${keyOf(row)} below`} class="below">
								<td role="cell" colSpan={columns.length}>
									{more}
								</td>
							</tr>
						) : null,
					];
				})}
			</tbody>
		</table>
	);
}
