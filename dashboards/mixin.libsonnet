// SPDX-License-Identifier: Apache-2.0
// The rules of rules/ as a mixin, for those who build their monitoring with jsonnet:
//   jsonnet -J vendor -e '(import "tallyman/dashboards/mixin.libsonnet").prometheusAlerts'
// The files are imported as they are; only what _config asks for is changed.

// std.parseYaml of jsonnet 0.18 (Debian 12) fails on a line break in a string, so each expression is
// folded into one line first. White space means nothing in PromQL: it stays, for taking it away takes seconds.
local fold(block) =
  // The expression's lines are indented by ten, what follows it by less.
  local lines = std.split(block, '\n');
  local ends = [i for i in std.range(0, std.length(lines) - 1) if lines[i] != '' && !std.startsWith(lines[i], '          ')];
  local end = if std.length(ends) == 0 then std.length(lines) else ends[0];
  std.join(' ', lines[:end]) + '\n' + std.join('\n', lines[end:]);

local folded(text) =
  local blocks = std.split(std.strReplace(text, 'expr: |\n', '\u0001'), '\u0001');
  std.join('expr: >-\n          ', [blocks[0]] + [fold(block) for block in blocks[1:]]);

local read(text) = std.parseYaml(folded(text)).groups;

{
  _config+:: {
    // Put before runbook_url, for example 'https://git.example.org/tallyman/blob/main/'.
    runbookPrefix: '',
    // Labels that each alert gets beside those it has.
    alertLabels: {},
  },

  local config = self._config,

  local configured(group) = group {
    rules: [
      if std.objectHas(rule, 'alert') then rule {
        labels+: config.alertLabels,
        annotations+: { runbook_url: config.runbookPrefix + rule.annotations.runbook_url },
      } else rule
      for rule in group.rules
    ],
  },

  prometheusRules+:: {
    groups+: read(importstr 'rules/recording.yaml'),
  },

  prometheusAlerts+:: {
    groups+: std.map(configured, read(importstr 'rules/containers.yaml') + read(importstr 'rules/requests.yaml') + read(importstr 'rules/tallyman.yaml')),
  },
}
