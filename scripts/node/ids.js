// SPDX-License-Identifier: Apache-2.0
// usage: node ids.js FIELD FILE…: prints FIELD of every record of Avro files,
// as avsc reads them; one a line.
'use strict';
const avsc = require('avsc');
const fzstd = require('fzstd');

const codecs = {
	zstandard: (bytes, done) => done(null, Buffer.from(fzstd.decompress(bytes))),
};
const [field, ...files] = process.argv.slice(2);

function printNext() {
	const file = files.shift();
	if (file === undefined) {
		return;
	}
	avsc.createFileDecoder(file, { codecs })
		.on('data', (record) => console.log(record[field]))
		.on('error', (error) => {
			console.error(`${file}: ${error.message}`);
			process.exit(1);
		})
		.on('end', printNext);
}
printNext();
