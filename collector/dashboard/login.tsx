// Signing in with a one-time code, typed or carried by the address's fragment, which no server and no log ever sees.
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from './api';
import { type LanguageChoice, LanguageSwitch } from './language';
import { useText } from './text';

export function Login({ onSignedIn, ...choice }: LanguageChoice & { onSignedIn: () => void }) {
	const text = useText();
	const [code, setCode] = useState('');
	const [busy, setBusy] = useState(false);
	const [refusal, setRefusal] = useState('');
	const input = useRef<HTMLInputElement>(null);

	async function signIn(given: string) {
		setBusy(true);
		setRefusal('');
		try {
			await api.login(given.trim());
			onSignedIn();
		} catch (error) {
			setBusy(false);
			setRefusal(error instanceof api.Refused ? [error.detail, error.remedy].filter(Boolean).join('. ') : String(error));
			input.current?.focus();
		}
	}

	// The fragment is read once, on arrival, and a login link pasted later into the open page is a change of hash.
	useEffect(() => {
		const fromFragment = () => {
			const given = decodeURIComponent(location.hash.slice(1));
			if (!given) return;
			history.replaceState(null, '', '/login');
			void signIn(given);
		};
		fromFragment();
		window.addEventListener('hashchange', fromFragment);
		return () => window.removeEventListener('hashchange', fromFragment);
	}, []);

	return (
		<main class="login">
			<header class="login-head">
				<span class="wordmark">
					<img src="/icon.svg" alt="" width="22" height="22" /> Tocsin
				</span>
				<LanguageSwitch {...choice} />
			</header>
			<h1>{text.loginTitle}</h1>
			<form
				onSubmit={(event) => {
					event.preventDefault();
					void signIn(code);
				}}
			>
				<label for="code">{text.loginCode}</label>
				<input
					id="code"
					ref={input}
					name="code"
					value={code}
					onInput={(event) => setCode(event.currentTarget.value)}
					autocomplete="one-time-code"
					autocapitalize="none"
					spellcheck={false}
					maxLength={64}
					required
					aria-describedby="code-help"
					aria-invalid={refusal !== ''}
				/>
				<button type="submit" class="primary" disabled={busy}>
					{busy ? text.loginBusy : text.loginButton}
				</button>
				<p role="alert" class="refusal">
					{refusal}
				</p>
			</form>
			<p id="code-help" class="help">
				{text.loginHelp} <code>tocsinctl login-code</code>
			</p>
		</main>
	);
}
