// SPDX-License-Identifier: Apache-2.0
// webhooks.js OUT: writes the payloads of npm's @octokit/webhooks-examples to OUT, a
// line an event, "TYPE JSON", for bench_webhooks. NODE_PATH says where they are.
'use strict';

const fs = require('fs');
const examples = require('@octokit/webhooks-examples/api.github.com/index.json');

const typeOf = (name) => `github.v1.${name.split('_')
  .map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Event`;

fs.writeFileSync(process.argv[2], examples.flatMap(({ name, examples: payloads }) =>
  payloads.map((payload) => `${typeOf(name)} ${JSON.stringify(payload)}\n`)).join(''));
