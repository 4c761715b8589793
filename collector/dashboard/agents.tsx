// The fleet: who reports, how much of what they saw they counted, and what was lost. A loss is a number, never a missing row.
import type { Agent } from './api';
import { ago, count, duration, percent, time } from './format';
import type { Facts } from './live';
import { Table } from './table';
import { useText } from './text';

const LOSS_FAIR = 0.01; // above this an operator should look why

function Lost({ agent }: { agent: Agent }) {
	const text = useText();
	const losses: string[] = [];
	if (agent.lost_records > 0) losses.push(text.lostBatches(count(text, agent.lost_records)));
	if (agent.ledger.events_lost > 0) losses.push(text.lostEvents(count(text, agent.ledger.events_lost)));
	if (agent.ledger.gap_ms > 0) losses.push(text.unwatched(duration(text, agent.ledger.gap_ms)));
	if (losses.length === 0) return <>{text.lostNothing}</>;
	return <span class="missing">{losses.join(text.list)}</span>;
}

function Coverage({ agent }: { agent: Agent }) {
	const text = useText();
	const { seen, skipped, malformed, known_gap } = agent.ledger;
	if (agent.coverage === null) return <span class="muted">{text.noCoverage}</span>;
	// What is encrypted, or no HTTP, cannot be counted and is no loss; a gap or a malformed line is one.
	return (
		<>
			<span class={malformed + known_gap > seen * LOSS_FAIR ? 'missing' : ''}>{percent(text, agent.coverage)}</span>
			{skipped > 0 && <span class="aside">{text.unreadable(percent(text, skipped / seen))}</span>}
		</>
	);
}

export function Agents({ facts, now }: { facts: Facts; now: number }) {
	const text = useText();
	const connected = facts.agents.filter((a) => a.connected).length;
	const rows = [...facts.agents].sort((a, b) => Number(a.connected) - Number(b.connected) || a.id.localeCompare(b.id));
	return (
		<section id="agents" aria-labelledby="agents-title">
			<div class="head">
				<h2 id="agents-title">
					{text.agents}{' '}
					{facts.agents.length > 0 && (
						<span class="tally">
							{connected} / {facts.agents.length} {text.connected}
						</span>
					)}
				</h2>
				<p class="help">{text.agentsHelp}</p>
			</div>
			{rows.length === 0 ? (
				<div class="empty">
					<p>
						<strong>{text.noAgents}</strong>
					</p>
					<p class="help">{text.noAgentsHelp}</p>
					<pre>
						tocsin-collector enroll HOST --to DIR{'\n'}
						tocsin-agent --set collector={location.hostname}:7465
					</pre>
				</div>
			) : (
				<Table
					label={text.agents}
					rows={rows}
					keyOf={(a) => a.id}
					columns={[
						{ title: text.agent, heading: true, cell: (a) => <span class="service">{a.id}</span> },
						{
							title: text.connection,
							cell: (a) => <span class={a.connected ? 'on' : 'missing'}>{a.connected ? text.connected : text.disconnected}</span>,
						},
						{
							title: text.lastSeen,
							cell: (a) => (
								<time dateTime={a.last_seen} title={time(text, a.last_seen)}>
									{ago(text, a.last_seen, now)}
								</time>
							),
						},
						{ title: text.coverage, number: true, cell: (a) => <Coverage agent={a} /> },
						{ title: text.lostRecords, cell: (a) => <Lost agent={a} /> },
						{ title: text.requests, number: true, cell: (a) => count(text, a.ledger.events) },
						{
							title: text.version,
							cell: (a) => (
								<>
									{a.version}
									<span class="aside">
										{text.kernel} {a.kernel}, {text.sources(a.sources)}
									</span>
								</>
							),
						},
					]}
				/>
			)}
		</section>
	);
}
