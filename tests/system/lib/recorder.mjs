// A collector that only listens: a gRPC server on @grpc/grpc-js which keeps every byte that an agent sends and acknowledges it.
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './harness.mjs';

const loaded = grpc.loadPackageDefinition(protoLoader.loadSync(path.join(root, 'proto/tocsin.proto'), { longs: String, defaults: true }));
export const { Ingest, Delivery } = loaded.tocsin.v1;

/** `pki` is a collector's folder of certificates. Resolves to { port, messages, bytes(), close() }. */
export async function record(pki) {
	const read = (name) => readFileSync(path.join(pki, name));
	const server = new grpc.Server();
	const wire = [];
	const messages = [];
	const definition = { ...Ingest.service.Deliver };
	const parse = definition.requestDeserialize;
	definition.requestDeserialize = (bytes) => {
		wire.push(Buffer.from(bytes));
		return parse(bytes);
	};
	server.addService({ Deliver: definition }, {
		Deliver(call) {
			call.on('data', (delivery) => {
				messages.push(delivery);
				const at = delivery.hello ?? delivery.sealed;
				call.write({ epoch: at.epoch, sequence: delivery.sealed?.sequence ?? 0 });
			});
			call.on('end', () => call.end());
			call.on('error', () => {});
		},
	});
	const credentials = grpc.ServerCredentials.createSsl(read('ca.crt'), [{ private_key: read('collector.key'), cert_chain: read('collector.crt') }], true);
	const port = await new Promise((resolve, reject) => {
		server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
	});
	return { port, messages, bytes: () => Buffer.concat(wire), close: () => server.forceShutdown() };
}
