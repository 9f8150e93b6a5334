// SPDX-License-Identifier: Apache-2.0
// read_avro.js [--ids COLUMN | --digest] FILE...: reads Avro files whole with
// avsc, zstandard by fzstd, snappy by snappyjs. Prints the records of each file, with --ids that
// column of each record, with --digest what read_avro.py's digest() gives.
'use strict';

const avro = require('avsc');
const crypto = require('crypto');
const fs = require('fs');
const fzstd = require('fzstd');
const snappy = require('snappyjs');
const zlib = require('zlib');

// Numbers of JavaScript end at 53 bits; Avro's do not.
const longType = avro.types.LongType.__with({
  fromBuffer: (buffer) => buffer.readBigInt64LE(),
  toBuffer: (n) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(n);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (n) => typeof n === 'bigint',
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
});

const codecs = {
  null: (data, done) => done(null, data),
  zstandard: (data, done) => {
    try {
      done(null, Buffer.from(fzstd.decompress(data)));
    } catch (error) {
      done(error);
    }
  },
  // Behind it stands a CRC-32 of the plain bytes.
  snappy: (data, done) => {
    try {
      const plain = Buffer.from(snappy.uncompress(data.subarray(0, -4)));
      if (zlib.crc32 && zlib.crc32(plain) !== data.readUInt32BE(data.length - 4)) {
        throw new Error('the checksum of a block is wrong');
      }
      done(null, plain);
    } catch (error) {
      done(error);
    }
  },
  deflate: zlib.inflateRaw,
};

// Without logical types, so that values are what is in the file.
function typeHook(schema) {
  if (schema === 'long' || (schema && schema.type === 'long')) {
    return longType;
  }
  return undefined;
}

function hexOfDouble(value) {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer.toString('hex');
}

// A text that is the same for the same value in every language. The type
// says whether a number was an integer.
function canonical(value, type) {
  if (value === null) return 'n';
  if (type.typeName.startsWith('union')) {
    return canonical(value, type.types.find((t) => t.typeName !== 'null'));
  }
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value === 'bigint') return `i${value}`;
  if (typeof value === 'number') {
    if (type.typeName === 'int') return `i${value}`;
    return Number.isNaN(value) ? 'dnan' : `d${hexOfDouble(value)}`;
  }
  if (Buffer.isBuffer(value)) return `b${value.toString('hex')}`;
  if (typeof value === 'string') return `s${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) {
    return `[${value.map((v) => canonical(v, type.itemsType)).join(',')}]`;
  }
  return `[${type.fields.map((f) => canonical(value[f.name], f.type)).join(',')}]`;
}

function readFile(path, onRecord) {
  return new Promise((resolve, reject) => {
    let type;
    let count = 0;
    const decoder = new avro.streams.BlockDecoder({
      codecs,
      parseHook: (schema) =>
        avro.Type.forSchema(schema, { typeHook, logicalTypes: {} }),
    });
    decoder.on('metadata', (t) => {
      type = t;
    });
    decoder.on('data', (record) => {
      count += 1;
      onRecord(record, type);
    });
    decoder.on('error', reject);
    decoder.on('end', () => resolve(count));
    fs.createReadStream(path).on('error', reject).pipe(decoder);
  });
}

async function main() {
  const paths = process.argv.slice(2);
  const option = paths[0] && paths[0].startsWith('--') ? paths.shift() : '';
  const column = option === '--ids' ? paths.shift() : null;
  for (const path of paths) {
    const digest = crypto.createHash('sha256');
    const count = await readFile(path, (record, type) => {
      if (option === '--digest') digest.update(canonical(record, type));
      if (column !== null) console.log(String(record[column]));
    });
    if (option === '--digest') {
      console.log(`${path} ${digest.digest('hex')}`);
    } else {
      console.log(`${path}: ${count} records`);
    }
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
