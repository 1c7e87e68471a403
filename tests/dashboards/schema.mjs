// SPDX-License-Identifier: Apache-2.0
// usage: node schema.mjs NODE_MODULES, with {"name": {"dashboard": ..., "expressions": [...]}} on standard input
// Holds dashboards against the type Dashboard of @grafana/schema, and their expressions against Prometheus'
// own grammar for editors. Prints what is wrong; exits with 1 if anything is.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const modules = process.argv[2];
const require = createRequire(path.join(modules, 'index.js'));
const { createGenerator } = require('ts-json-schema-generator');
const Ajv = require('ajv');
const { parser } = require('@prometheus-io/lezer-promql');

const RAW = path.join(modules, '@grafana/schema/dist/types/raw');
const schemaOf = (file, type) => createGenerator({
  path: path.join(RAW, file, 'types.gen.d.ts'), type, skipTypeCheck: true, additionalProperties: false,
}).createSchema(type);
const compile = (schema) => new Ajv({ allErrors: true, strict: false, allowUnionTypes: true }).compile(schema);
const schema = schemaOf('dashboard/x', 'Dashboard');
const validate = compile(schema);

// What a panel leaves out has a default, so nothing is required of its options.
const lenient = (value) => {
  if (Array.isArray(value)) {
    return value.map(lenient);
  }
  return value && typeof value === 'object' ? Object.fromEntries(Object.entries(value)
    .filter(([key, item]) => key !== 'required' || !Array.isArray(item)).map(([key, item]) => [key, lenient(item)])) : value;
};
const panels = Object.fromEntries(['timeseries', 'stat', 'table', 'heatmap', 'text', 'nodeGraph'].map((type) => [type, {
  options: compile(lenient(schemaOf(`composable/${type.toLowerCase()}/panelcfg/x`, 'Options'))),
  custom: ['stat', 'text', 'nodeGraph'].includes(type) ? null : compile(lenient(schemaOf(`composable/${type}/panelcfg/x`, 'FieldConfig'))),
}]));

// What the data source adds to an annotation is not in the type.
const OF_PROMETHEUS = ['expr', 'step', 'titleFormat', 'textFormat', 'tagKeys'];
const plain = (dashboard) => ({
  ...dashboard,
  annotations: {
    list: dashboard.annotations.list.map((annotation) =>
      Object.fromEntries(Object.entries(annotation).filter(([key]) => !OF_PROMETHEUS.includes(key)))),
  },
});

const describe = ({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`;

let wrong = 0;
const complain = (text) => {
  console.log(text);
  wrong++;
};

// What the schema must refuse, or it refuses nothing.
if (validate({ title: 5 }) || Object.keys(schema.definitions).length < 20) {
  complain('the schema of npm does not describe dashboards');
}
for (const [name, { dashboard, expressions }] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  if (!validate(plain(dashboard))) {
    validate.errors.slice(0, 10).forEach((error) => complain(`${name}: ${describe(error)}`));
  }
  for (const { type, title, options, fieldConfig } of dashboard.panels.filter((panel) => panel.type !== 'row')) {
    const { options: known, custom } = panels[type] ?? {};
    if (!known) {
      complain(`${name}: ${title}: no type of panel ${type}`);
    } else if (!known(options)) {
      known.errors.slice(0, 5).forEach((error) => complain(`${name}: ${title}: options${describe(error)}`));
    }
    if (custom && fieldConfig?.defaults.custom && !custom(fieldConfig.defaults.custom)) {
      custom.errors.slice(0, 5).forEach((error) => complain(`${name}: ${title}: custom${describe(error)}`));
    }
  }
  for (const expression of expressions) {
    parser.parse(expression).iterate({
      enter(node) {
        if (node.type.isError) {
          complain(`${name}: not PromQL at ${node.from}: ${expression}`);
          return false;
        }
        return true;
      },
    });
  }
}
process.exit(wrong ? 1 : 0);
