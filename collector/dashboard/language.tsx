// The choice between English and Chinese; each is named in itself.
import { type Language, useText } from './text';

export interface LanguageChoice {
	language: Language;
	setLanguage: (language: Language) => void;
}

const names: Record<Language, { name: string; lang: string }> = { en: { name: 'English', lang: 'en' }, zh: { name: '中文', lang: 'zh-CN' } };

export function LanguageSwitch({ language, setLanguage }: LanguageChoice) {
	const text = useText();
	return (
		<div class="switch" role="group" aria-label={text.language}>
			{(Object.keys(names) as Language[]).map((key) => (
				<button type="button" key={key} lang={names[key].lang} aria-pressed={key === language} onClick={() => setLanguage(key)}>
					{names[key].name}
				</button>
			))}
		</div>
	);
}
