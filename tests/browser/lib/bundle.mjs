// A module of the dashboard, bundled as the build does it and loaded into this process: what needs no page is tested without one.
import path from 'node:path';
import { build } from 'esbuild';
import { root } from '../../system/lib/harness.mjs';

export async function dashboardModule(name) {
	const { outputFiles } = await build({
		entryPoints: [path.join(root, 'collector/dashboard', name)],
		bundle: true, write: false, format: 'esm', platform: 'neutral', mainFields: ['module', 'main'], jsx: 'automatic', jsxImportSource: 'preact',
	});
	return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
