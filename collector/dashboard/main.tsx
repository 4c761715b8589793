// The dashboard's one page: who is signed in sees the facts, who is not signs in.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Login } from './login';
import { Page } from './page';
import { type Language, TextContext, preferredLanguage, rememberLanguage, texts } from './text';
import 'uplot/dist/uPlot.min.css';
import './app.css';

function App() {
	const [language, setLanguage] = useState<Language>(preferredLanguage);
	const [signedIn, setSignedIn] = useState(location.pathname !== '/login');

	useEffect(() => {
		document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
		rememberLanguage(language);
	}, [language]);
	// The address follows what is shown. On /login it is left alone: the login code in it is the form's to take.
	useEffect(() => {
		const shown = signedIn ? '/' : '/login';
		if (location.pathname !== shown) history.replaceState(null, '', shown);
	}, [signedIn]);

	const choice = { language, setLanguage };
	return (
		<TextContext.Provider value={texts[language]}>
			{signedIn ? (
				<Page {...choice} onSignedOut={() => setSignedIn(false)} />
			) : (
				<Login {...choice} onSignedIn={() => setSignedIn(true)} />
			)}
		</TextContext.Provider>
	);
}

render(<App />, document.getElementById('app')!);
