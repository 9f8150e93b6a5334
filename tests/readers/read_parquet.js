// SPDX-License-Identifier: Apache-2.0
// read_parquet.js FILE...: reads Parquet files whole with hyparquet, zstd by
// fzstd and gzip by node, and prints for each what read_parquet.py's digest()
// gives.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const fzstd = require('fzstd');
const zlib = require('zlib');

const compressors = {
  ZSTD: (input) => fzstd.decompress(input),
  GZIP: (input) => new Uint8Array(zlib.gunzipSync(input)),
};

// Values as they are in the file.
const text = new TextDecoder();
const parsers = {
  timestampFromMicroseconds: (micros) => micros,
  stringFromBytes: (bytes) => bytes && text.decode(bytes),
  jsonFromBytes: (bytes) => bytes && text.decode(bytes),
};

function hexOfDouble(value) {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer.toString('hex');
}

function hexOfText(value) {
  return Buffer.from(typeof value === 'string' ? value : [...value]).toString('hex');
}

function canonicalNumber(value, type) {
  if (typeof value === 'bigint' || type === 'INT32') return `i${value}`;
  return Number.isNaN(value) ? 'dnan' : `d${hexOfDouble(value)}`;
}

function canonicalMap(value, kind) {
  const item = kind.children[0].children[1];
  const entries = Object.entries(value)
    .map(([k, v]) => [hexOfText(k), canonical(v, item)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}:${v}`);
  return `m[${entries.join(',')}]`;
}

function canonicalGroup(value, kind) {
  const values = kind.children.map((c) => canonical(value[c.element.name], c));
  return `[${values.join(',')}]`;
}

// kind is a node of the file's schema.
function canonical(value, kind) {
  const { type, converted_type: converted } = kind.element;
  if (value === null || value === undefined) return 'n';
  if (converted === 'MAP') return canonicalMap(value, kind);
  if (converted === 'LIST') {
    const element = kind.children[0].children[0];
    return `[${[...value].map((v) => canonical(v, element)).join(',')}]`;
  }
  if (kind.children.length > 0) return canonicalGroup(value, kind);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (type === 'BYTE_ARRAY') return `b${hexOfText(value)}`;
  return canonicalNumber(value, type);
}

async function digest(hyparquet, path) {
  const bytes = fs.readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const metadata = hyparquet.parquetMetadata(file);
  const schema = hyparquet.parquetSchema(metadata);
  const rows = await hyparquet.parquetReadObjects({
    file, metadata, compressors, parsers, utf8: false,
  });
  const total = crypto.createHash('sha256');
  for (const row of rows) {
    total.update(canonicalGroup(row, schema));
  }
  return total.digest('hex');
}

async function main() {
  // It is an ES module, which NODE_PATH alone does not find.
  const hyparquet = await import(require.resolve('hyparquet'));
  for (const path of process.argv.slice(2)) {
    console.log(`${path} ${await digest(hyparquet, path)}`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
