// The endpoints of a service, or those of some function classes: loaded when somebody asks to see them.
import { useEffect, useState } from 'preact/hooks';
import * as api from './api';
import { count, time } from './format';
import { Functions } from './functions';
import { Table } from './table';
import { useText } from './text';

export function Endpoints({ service, functions }: { service: string; functions: readonly string[] }) {
	const text = useText();
	const [found, setFound] = useState<{ endpoints: api.Endpoint[]; truncated: boolean }>();
	const [failure, setFailure] = useState('');

	useEffect(() => {
		let left = false;
		api.endpoints(service, functions).then(
			(answer) => left || setFound(answer),
			(error: Error) => left || setFailure(error.message),
		);
		return () => {
			left = true;
		};
	}, [service, functions.join()]);

	if (failure) return <p class="refusal">{text.failed(failure)}</p>;
	if (!found) return <p class="help">{text.loading}</p>;
	return (
		<>
			<Table
				label={text.endpointsOf(service)}
				rows={found.endpoints}
				keyOf={(e) => e.id}
				columns={[
					{ title: text.method, cell: (e) => <code>{e.method}</code> },
					{ title: text.route, heading: true, cell: (e) => <code>{e.template}</code> },
					{ title: text.functions, cell: (e) => <Functions classes={e.functions} /> },
					{ title: text.input, cell: (e) => (e.takes_input ? text.yes : text.no) },
					{ title: text.firstSeen, cell: (e) => time(text, e.first_seen) },
					{ title: text.firstGood, cell: (e) => (e.first_good ? time(text, e.first_good) : '–') },
					{ title: text.requests, number: true, cell: (e) => count(text, e.requests) },
					{ title: text.workload, cell: (e) => e.workload },
					{ title: text.host, cell: (e) => e.host || '–' },
				]}
			/>
			{found.truncated && <p class="help">{text.truncated}</p>}
		</>
	);
}
