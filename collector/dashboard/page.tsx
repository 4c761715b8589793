// The page behind the login: open triggers first, then what they rest on.
import { useEffect, useState } from 'preact/hooks';
import * as api from './api';
import { Agents } from './agents';
import { abroad, clockTime, viewerZone } from './format';
import { type LanguageChoice, LanguageSwitch } from './language';
import { type Facts, useFacts } from './live';
import { Services } from './services';
import { useText } from './text';
import { Triggers } from './triggers';
import { UsersCharts } from './users';

const TICK_MS = 5000; // how often "12 s ago" is said anew

/** The present, for words like "ago"; moves slowly so that the page stays calm. */
function useNow(): number {
	const [now, setNow] = useState(Date.now);
	useEffect(() => {
		const timer = window.setInterval(() => setNow(Date.now()), TICK_MS);
		return () => window.clearInterval(timer);
	}, []);
	return now;
}

function Link({ facts }: { facts: Facts }) {
	const text = useText();
	const label = facts.link === 'live' && facts.updatedAt > 0 ? text.live(clockTime(text, facts.updatedAt)) : text.connecting;
	return (
		<span class={`link link-${facts.link}`}>
			{facts.link === 'lost' ? '' : label}
		</span>
	);
}

function Banner({ facts, refusal }: { facts: Facts; refusal: string }) {
	const text = useText();
	let message = '';
	if (facts.link === 'lost') message = text.lost(clockTime(text, facts.lostAt));
	else if (facts.failure) message = text.failed(facts.failure);
	else message = refusal;
	return (
		<div class="banner" role="alert">
			{message && <p>{message}</p>}
		</div>
	);
}

export function Page({ onSignedOut, ...choice }: LanguageChoice & { onSignedOut: () => void }) {
	const text = useText();
	const facts = useFacts();
	const now = useNow();
	const [refusal, setRefusal] = useState('');

	// Only the collector can end a session: until it did, the page does not claim so.
	async function signOut() {
		try {
			await api.logout();
			onSignedOut();
		} catch (error) {
			if (error instanceof api.Refused && error.status === 401) onSignedOut();
			else setRefusal(text.notSignedOut);
		}
	}

	useEffect(() => {
		if (facts.link === 'signed-out') onSignedOut();
	}, [facts.link]);
	useEffect(() => {
		document.title = facts.triggers.length > 0 ? `(${facts.triggers.length}) Tocsin` : 'Tocsin';
	}, [facts.triggers.length]);

	return (
		<>
			<a class="skip" href="#triggers">
				{text.skip}
			</a>
			<header>
				<div class="bar">
					<h1 class="wordmark">
						<img src="/icon.svg" alt="" width="18" height="18" /> Tocsin
					</h1>
					<Link facts={facts} />
					<span class="bar-end">
						<LanguageSwitch {...choice} />
						<button type="button" class="quiet" onClick={() => void signOut()}>
							{text.signOut}
						</button>
					</span>
				</div>
				<Banner facts={facts} refusal={refusal} />
			</header>
			<main aria-busy={!facts.loaded}>
				{facts.loaded && (
					<>
						<Triggers facts={facts} />
						<Services facts={facts} now={now} />
						<UsersCharts facts={facts} />
						<Agents facts={facts} now={now} />
					</>
				)}
				{!facts.loaded && facts.link !== 'lost' && <p class="empty">{text.loading}</p>}
			</main>
			<footer>
				<p>{abroad ? text.zones(viewerZone) : text.zones('Asia/Shanghai')}</p>
				<p>
					<a href="/licences.txt">{text.licences}</a>
				</p>
			</footer>
		</>
	);
}
