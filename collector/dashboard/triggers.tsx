// Open triggers: the clause, what happened, the three times apart, the statutory clock, and the evidence.
import { useState } from 'preact/hooks';
import type { Clock, Trigger } from './api';
import { Evidence } from './evidence';
import { abroad, day, duration, legalTime, zonedTime } from './format';
import { Functions } from './functions';
import type { Facts } from './live';
import { localized, useText } from './text';

const ALARMING: ReadonlySet<Clock['status']> = new Set(['launched unfiled', 'overdue', 'due today']);

function Deadline({ clock }: { clock: Clock }) {
	const text = useText();
	return (
		<>
			<p class="due">
				{text.due} <time dateTime={clock.due_at}>{day(text, clock.due_on, true)}</time>
				{text.list}
				{text.endOfDay}
			</p>
			{clock.provisional && (
				<p class="provisional">
					<strong>{text.provisional}</strong> {text.provisionalHelp(clock.due_on.slice(0, 4))}
				</p>
			)}
			{clock.working_days_total !== null && (
				<p class="used">
					<meter
						min={0}
						max={clock.working_days_total}
						value={Math.min(clock.working_days_elapsed, clock.working_days_total)}
						aria-label={text.used(clock.working_days_elapsed, clock.working_days_total)}
					/>
					<span>{text.used(clock.working_days_elapsed, clock.working_days_total)}</span>
				</p>
			)}
		</>
	);
}

function ClockFace({ clock }: { clock: Clock }) {
	const text = useText();
	const alarming = ALARMING.has(clock.status) ? ' alarming' : '';
	const days = clock.working_days_left;
	if (clock.kind === 'before-launch' || days === null) {
		const launched = clock.status === 'launched unfiled';
		return (
			<div class={`clock${alarming}`} data-status={clock.status}>
				<p class="verdict">{text.status[clock.status]}</p>
				<p class="due">
					{launched ? (
						<>
							<strong>{text.ago(clock.working_days_elapsed)}</strong>
							{text.list}
							{day(text, clock.due_on, true)}
						</>
					) : (
						text.blockedHelp
					)}
				</p>
				{launched && <p class="used">{text.dueBeforeLaunch}</p>}
			</div>
		);
	}
	return (
		<div class={`clock${alarming}`} data-status={clock.status}>
			<p class="verdict">
				<span class="days">{Math.abs(days)}</span> {days < 0 ? text.late(-days) : text.left(days)}
			</p>
			<Deadline clock={clock} />
		</div>
	);
}

function Times({ trigger }: { trigger: Trigger }) {
	const text = useText();
	const lag = Date.parse(trigger.detected_at) - Date.parse(trigger.occurred_at);
	return (
		<dl class="times">
			<div>
				<dt>{text.occurred}</dt>
				<dd>
					<time dateTime={trigger.occurred_at}>{zonedTime(text, trigger.occurred_at)}</time>
					{abroad && <span class="aside">{text.inShanghai(legalTime(text, trigger.occurred_at))}</span>}
				</dd>
			</div>
			<div>
				<dt>{text.detected}</dt>
				<dd>
					<time dateTime={trigger.detected_at}>{zonedTime(text, trigger.detected_at)}</time>
					{lag >= 0 && <span class="aside">{text.lag(duration(text, lag))}</span>}
				</dd>
			</div>
			<div>
				<dt>{text.confirmed}</dt>
				<dd>
					{trigger.confirmed_at ? <time dateTime={trigger.confirmed_at}>{zonedTime(text, trigger.confirmed_at)}</time> : text.notConfirmed}
				</dd>
			</div>
		</dl>
	);
}

function EvidenceOf({ trigger }: { trigger: Trigger }) {
	const text = useText();
	const [open, setOpen] = useState(false);
	return (
		<details class="evidence" onToggle={(event) => setOpen(event.currentTarget.open)}>
			<summary>{text.evidence}</summary>
			{open && <Evidence of={trigger.evidence} />}
		</details>
	);
}

function Card({ trigger, arrived }: { trigger: Trigger; arrived: boolean }) {
	const text = useText();
	return (
		<li>
			<article
				class={arrived ? 'trigger arrived' : 'trigger'}
				aria-labelledby={`trigger-${trigger.id}`}
				data-clause={trigger.clause}
				data-service={trigger.service}
			>
				<div class="what">
					<h3 id={`trigger-${trigger.id}`}>
						<span class="clause">{text.clause(trigger.clause)}</span> <span class="service">{trigger.service}</span>
						<span class={`state state-${trigger.state}`}>{text.state[trigger.state]}</span>
						{arrived && <span class="new">{text.arrived}</span>}
					</h3>
					<p class="reason">{localized(text, trigger.reason, trigger.reason_zh)}</p>
					<p class="title">{localized(text, trigger.clause_title, trigger.clause_title_zh)}</p>
					{trigger.functions.length > 0 && <Functions classes={trigger.functions} />}
				</div>
				<ClockFace clock={trigger.clock} />
				<Times trigger={trigger} />
				<EvidenceOf trigger={trigger} />
			</article>
		</li>
	);
}

function None({ watched }: { watched: boolean }) {
	const text = useText();
	return (
		<div class="empty">
			<p>
				<strong>{text.noTriggers}</strong> {!watched && text.noTriggersBlind}
			</p>
			<p class="help">{text.noTriggersHelp}</p>
			<pre>tocsinctl notice add</pre>
		</div>
	);
}

export function Triggers({ facts }: { facts: Facts }) {
	const text = useText();
	const soonest = [...facts.triggers].sort((a, b) => a.clock.due_at.localeCompare(b.clock.due_at) || a.id - b.id);
	const latest = soonest.filter((t) => facts.arrived.has(t.id)).reduce<Trigger | null>((a, b) => (a && a.id > b.id ? a : b), null);
	return (
		<section id="triggers" aria-labelledby="triggers-title" tabIndex={-1}>
			<div class="head">
				<h2 id="triggers-title">
					{text.triggers} <span class="tally">{facts.triggers.length}</span>
				</h2>
				<p class="help">{text.triggersHelp}</p>
			</div>
			<p class="unseen-text" role="status">
				{latest && text.newTrigger(latest.clause, latest.service)}
			</p>
			{soonest.length === 0 ? (
				<None watched={facts.agents.some((a) => a.connected)} />
			) : (
				<ol class="triggers">
					{soonest.map((t) => (
						<Card key={t.id} trigger={t} arrived={facts.arrived.has(t.id)} />
					))}
				</ol>
			)}
		</section>
	);
}
