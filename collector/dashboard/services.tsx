// Information services: their functions against the assessed baseline, their size, and their endpoints on demand.
import { useState } from 'preact/hooks';
import type { Service } from './api';
import { Endpoints } from './endpoints';
import { ago, count, day, estimate, percent } from './format';
import { Baseline } from './functions';
import type { Facts } from './live';
import { Table } from './table';
import { useText } from './text';

function Name({ service }: { service: Service }) {
	const text = useText();
	return (
		<>
			<span class="service">{service.name}</span>
			{service.title && <span class="aside">{service.title}</span>}
			{!service.declared && <span class="aside">{text.undeclared}</span>}
			{service.news && <span class="aside">{text.news}</span>}
		</>
	);
}

function LatestUsers({ service }: { service: Service }) {
	const text = useText();
	const latest = service.users;
	if (!latest) return <>–</>;
	return (
		<>
			{estimate(text, latest.users, latest.relative_error)} {text.kind[latest.kind]}
			<span class="aside">{text.onDay(day(text, latest.day))}</span>
			<span class="aside">
				{text.coverageOf(percent(text, latest.coverage))}
				{!latest.sufficient && ` (${text.insufficient})`}
			</span>
		</>
	);
}

function Filed({ service }: { service: Service }) {
	const text = useText();
	if (!service.assessment) return <span class={service.functions.length > 0 ? 'missing' : 'muted'}>{text.noAssessment}</span>;
	return <>{service.assessment.filed_on ? text.filedOn(day(text, service.assessment.filed_on)) : text.yes}</>;
}

/** Services that the law may speak of come first. */
function byDuty(a: Service, b: Service): number {
	return b.unassessed.length - a.unassessed.length || b.functions.length - a.functions.length || a.name.localeCompare(b.name);
}

export function Services({ facts, now }: { facts: Facts; now: number }) {
	const text = useText();
	const [opened, setOpened] = useState('');
	return (
		<section id="services" aria-labelledby="services-title">
			<div class="head">
				<h2 id="services-title">{text.services}</h2>
				<p class="help">{text.servicesHelp}</p>
			</div>
			{facts.services.length === 0 ? (
				<div class="empty">
					<p>
						<strong>{text.noServices}</strong>
					</p>
					<p class="help">{text.noServicesHelp}</p>
					<pre>tocsin-agent check</pre>
				</div>
			) : (
				<Table
					label={text.services}
					rows={[...facts.services].sort(byDuty)}
					keyOf={(s) => s.name}
					below={(s) => s.name === opened && <Endpoints service={s.name} functions={[]} />}
					columns={[
						{ title: text.service, heading: true, cell: (s) => <Name service={s} /> },
						{ title: text.functions, cell: (s) => <Baseline service={s} /> },
						{ title: text.assessment, cell: (s) => <Filed service={s} /> },
						{ title: text.usersLatest, number: true, cell: (s) => <LatestUsers service={s} /> },
						{ title: text.requests24h, number: true, cell: (s) => count(text, s.requests_24h) },
						{
							title: text.endpoints,
							number: true,
							cell: (s) => (
								<button
									type="button"
									class="disclose"
									aria-expanded={s.name === opened}
									aria-label={`${text.endpointsOf(s.name)}: ${count(text, s.endpoints)}`}
									onClick={() => setOpened(s.name === opened ? '' : s.name)}
								>
									{count(text, s.endpoints)}
								</button>
							),
						},
						{ title: text.lastSeen, number: true, cell: (s) => (s.last_seen ? ago(text, s.last_seen, now) : '–') },
					]}
				/>
			)}
		</section>
	);
}
