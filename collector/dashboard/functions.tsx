// Function classes of Article 2, each with its code and name, and where it stands against the assessed baseline.
import type { FunctionClass, Service } from './api';
import { localized, useText } from './text';

function Name({ of }: { of: FunctionClass }) {
	const text = useText();
	return (
		<>
			<span class="code">{of.code}</span> {localized(text, of.name, of.name_zh)}
		</>
	);
}

/** Classes alone, on one line. */
export function Functions({ classes }: { classes: readonly FunctionClass[] }) {
	if (classes.length === 0) return <>–</>;
	return (
		<ul class="functions">
			{classes.map((f) => (
				<li key={f.code}>
					<Name of={f} />
				</li>
			))}
		</ul>
	);
}

/** What was seen beside what was assessed: a word for each, never a colour alone. */
export function Baseline({ service }: { service: Service }) {
	const text = useText();
	const seen = service.functions.map((f) => ({ of: f, missing: service.unassessed.includes(f.code), seen: true }));
	const codes = new Set(service.functions.map((f) => f.code));
	const unseen = (service.assessment?.functions ?? []).filter((f) => !codes.has(f.code)).map((f) => ({ of: f, missing: false, seen: false }));
	const all = [...seen, ...unseen].sort((a, b) => a.of.code.localeCompare(b.of.code));
	if (all.length === 0) return <span class="muted">{text.noFunctions}</span>;
	return (
		<ul class="baseline">
			{all.map((f) => (
				<li key={f.of.code} class={f.missing ? 'missing' : f.seen ? '' : 'unseen'}>
					<Name of={f.of} /> <span class="standing">{f.missing ? text.notAssessed : f.seen ? text.assessed : text.notSeen}</span>
				</li>
			))}
		</ul>
	);
}
