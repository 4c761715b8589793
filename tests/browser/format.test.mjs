// Numbers and times as the dashboard says them: a wrong rounding here is a wrong statement to a lawyer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dashboardModule } from './lib/bundle.mjs';

process.env.TZ = 'America/Los_Angeles'; // far from Shanghai: a day that moves with the viewer would show
const format = await dashboardModule('format.ts');
const { texts } = await dashboardModule('text.ts');
const en = texts.en;

test('a percentage never rounds a loss away', () => {
	const cases = [
		[1, '100 %', 'all'],
		[0.99999, '99.9 %', 'almost all is not all'],
		[0.8, '80 %', 'the limit of sufficient coverage'],
		[0.79999, '79.9 %', 'just below it'],
		[0, '0 %', 'nothing'],
	];
	for (const [share, said, why] of cases) assert.equal(format.percent(en, share), said, why);
});

test('an estimate carries its 95 % band, rounded up, from half a user on', () => {
	assert.equal(format.estimate(en, 1892.3, 0.0066), '1,892 ± 25');
	assert.equal(format.margin(50, 0.0102), 1, 'exactly half a user and more');
	assert.equal(format.estimate(en, 30, 0.0066), '30', 'less than half a user: no band to speak of');
});

test('a legal day is a date and does not move with the zone of who looks', () => {
	assert.equal(format.day(en, '2027-01-06'), '6 Jan 2027');
	assert.equal(format.day(en, '2027-01-06', true), 'Wed, 6 Jan 2027');
	assert.equal(format.day(texts.zh, '2027-01-06'), '2027年1月6日');
});

test('a moment is said in the zone of who looks and in Shanghai', () => {
	const year = new Date().getUTCFullYear();
	assert.equal(format.time(en, `${year}-06-15T20:00:00.000Z`), '15 Jun, 13:00:00');
	assert.equal(format.legalTime(en, `${year}-06-15T20:00:00.000Z`), '16 Jun, 04:00:00');
	assert.equal(format.time(en, '2001-06-15T20:00:00.000Z'), '15 Jun 2001, 13:00:00', 'another year is named');
	assert.equal(format.zonedTime(en, `${year}-06-15T20:00:00.000Z`), '15 Jun, 13:00:00 GMT-7');
});

test('a duration is one unit, rounded down', () => {
	const cases = [
		[-5, '0 s', 'clocks of two hosts may disagree'],
		[1299, '1.2 s', 'tenths below ten seconds'],
		[10_999, '10 s', 'whole seconds from there'],
		[119_999, '119 s', 'just below two minutes'],
		[120_000, '2 min', 'exactly two minutes'],
		[7_200_000, '2 h', 'exactly two hours'],
		[172_800_000, '2 days', 'exactly two days'],
	];
	for (const [ms, said, why] of cases) assert.equal(format.duration(en, ms), said, why);
	assert.equal(format.duration(texts.zh, 7_200_000), '2 小时');
});

test('both languages say the same things', () => {
	const shape = (text) =>
		Object.entries(text)
			.filter(([key]) => key !== 'evidenceValues') // in English a rule's own words
			.flatMap(([key, value]) => (typeof value === 'object' ? Object.keys(value).map((k) => `${key}.${k}`) : [key]));
	assert.deepEqual(shape(texts.zh), shape(en));
	for (const [key, value] of Object.entries(texts.zh)) if (typeof value === 'string') assert.notEqual(value, '', key);
	assert.equal(texts.zh.clause('3(1)'), '第三条第（一）项');
	assert.equal(texts.zh.clause('3(5)'), '第三条第（五）项');
});
