// How the page's facts change: the one step function, without a browser or a collector.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dashboardModule } from './lib/bundle.mjs';

const { charted, nothing, step } = await dashboardModule('live.ts');
const { daysOf } = await dashboardModule('chart.ts');
const trigger = (id, reason = '') => ({ id, clause: '3(1)', reason });

const load = (facts, at, triggers) => step(facts, { type: 'loaded', at, part: { triggers, loaded: true } });

test('what the first load brings was here before the page; what a later one adds is new, and stays so', () => {
	const first = load(nothing, 1, [trigger(1)]);
	assert.deepEqual([...first.arrived], []);
	const second = load(first, 2, [trigger(1, 'refreshed'), trigger(2)]);
	assert.deepEqual([...second.arrived], [2]);
	assert.deepEqual(second.triggers, [trigger(1, 'refreshed'), trigger(2)]);
	assert.deepEqual([...load(second, 3, [trigger(2), trigger(3)]).arrived], [2, 3]);
});

test('a load of users alone makes no trigger new or gone', () => {
	const known = load(nothing, 1, [trigger(1)]);
	const after = step(known, { type: 'loaded', at: 2, part: { users: new Map() } });
	assert.deepEqual([after.triggers, [...after.arrived], after.updatedAt], [[trigger(1)], [], 2]);
});

test('a connection is lost at the first error, not at the last one', () => {
	const live = step(nothing, { type: 'link', link: 'live', at: 10 });
	const lost = step(live, { type: 'link', link: 'lost', at: 20 });
	assert.equal(step(lost, { type: 'link', link: 'lost', at: 30 }).lostAt, 20);
	const back = step(lost, { type: 'link', link: 'live', at: 40 });
	assert.equal(step(back, { type: 'link', link: 'lost', at: 50 }).lostAt, 50);
});

test('a load that succeeds takes back what the last failure said', () => {
	const failed = step(nothing, { type: 'failed', why: '503' });
	assert.equal(failed.failure, '503');
	assert.equal(step(failed, { type: 'loaded', at: 1, part: {} }).failure, '');
});

test('services with public-opinion functions are charted first, then the busiest, and never more than the ceiling', () => {
	const users = {};
	const service = (name, functions, requests_24h) => ({ name, functions, requests_24h, users });
	const all = [service('busy', [], 900), service('quiet', [], 1), service('forum', [{}], 5), { ...service('unseen', [{}], 9), users: null }];
	assert.deepEqual(charted(all).map((s) => s.name), ['forum', 'busy', 'quiet']);
	assert.equal(charted(Array.from({ length: 25 }, (_, n) => service(`s${n}`, [], n))).length, 24);
});

test('a day on which nothing was counted is a gap, and a first day has a fortnight around it', () => {
	const days = daysOf([{ day: '2026-10-01' }, { day: '2026-10-20' }]);
	assert.equal(days.length, 20);
	assert.deepEqual(days.filter((d) => d.row).map((d) => d.row.day), ['2026-10-01', '2026-10-20']);
	assert.equal(daysOf([{ day: '2026-11-23' }]).length, 14);
});
