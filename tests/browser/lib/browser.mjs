// Debian's Chromium under playwright-core: a fresh profile in the world's folder, and a record of what a page must not do.
import path from 'node:path';
import { chromium } from 'playwright-core';
import { build } from '../../system/lib/harness.mjs';

const ARGUMENTS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
	'--disable-sync',
];

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** A browser for the pages of one origin; `complaints` gathers console errors, page errors and requests to anywhere else. */
export async function openBrowser(world, origin, options = {}) {
	const context = await chromium.launchPersistentContext(world.folder(`profile-${world.processes.length}-${Date.now()}`), {
		executablePath: '/usr/bin/chromium',
		args: ARGUMENTS,
		ignoreHTTPSErrors: true, // the collector's certificate is of its own authority
		locale: 'en-GB',
		timezoneId: 'Europe/Berlin',
		viewport: WIDE,
		...options,
	});
	const complaints = [];
	context.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning') complaints.push(`console ${message.type()}: ${message.text()}`);
	});
	context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().stack}`));
	context.on('request', (request) => {
		if (new URL(request.url()).origin !== origin) complaints.push(`request to ${request.url()}`);
	});
	const page = context.pages()[0] ?? (await context.newPage());
	page.setDefaultTimeout(20_000);
	return { context, page, complaints };
}

/** Takes a picture for people to look at: build/screenshots/NAME.png. */
export const screenshot = (page, name) => page.screenshot({ path: path.join(build, 'screenshots', `${name}.png`), fullPage: true });

/** Faults that a checker can see: controls without a name, pictures without a text, headings that skip, and text of too little contrast. */
export function accessibilityFaults(page) {
	return page.evaluate(() => {
		const faults = [];
		const visible = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';
		const describe = (e) => `<${e.tagName.toLowerCase()} class="${e.className}"> ${e.textContent.trim().slice(0, 40)}`;
		const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);

		for (const control of all('button, a[href], summary, input, select')) {
			const label = control.getAttribute('aria-label') || control.textContent.trim() || control.labels?.[0]?.textContent.trim();
			if (!label) faults.push(`no name: ${describe(control)}`);
		}
		for (const picture of all('img, [role=img], table, meter, section'))
			if (!picture.hasAttribute('alt') && !picture.getAttribute('aria-label') && !document.getElementById(picture.getAttribute('aria-labelledby')))
				faults.push(`no text alternative: ${describe(picture)}`);
		if (all('main').length !== 1) faults.push(`${all('main').length} main landmarks`);
		if (all('h1').length !== 1) faults.push(`${all('h1').length} first-level headings`);
		let level = 0;
		for (const heading of all('h1, h2, h3, h4')) {
			const next = Number(heading.tagName[1]);
			if (next > level + 1) faults.push(`heading skips from ${level}: ${describe(heading)}`);
			level = next;
		}
		if (!document.documentElement.lang) faults.push('the page names no language');

		// WCAG 2.2, 1.4.3: relative luminance and a ratio of 4.5 for text of normal size.
		const rgba = (colour) => colour.match(/[\d.]+/g).map(Number);
		const luminance = ([r, g, b]) => {
			const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
			return 0.2126 * x + 0.7152 * y + 0.0722 * z;
		};
		const ground = (e) => {
			for (; e; e = e.parentElement) {
				const colour = rgba(getComputedStyle(e).backgroundColor);
				if (colour.length === 3 || colour[3] === 1) return colour;
			}
			return [255, 255, 255];
		};
		const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		while (words.nextNode()) {
			const e = words.currentNode.parentElement;
			if (!words.currentNode.data.trim() || !visible(e)) continue;
			const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
			const ratio = (a + 0.05) / (b + 0.05);
			if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${describe(e)}`);
		}
		return faults;
	});
}
