// SPDX-License-Identifier: Apache-2.0
// A node graph, whose panel is not on npm: places on a circle, arrows between them, what each says.

import { FieldType, getDisplayProcessor } from '@grafana/data';

const RADIUS = 26;

const column = (frame, name) => frame.fields.find((field) => field.name === name || field.config.displayName === name);
const has = (frame, name) => column(frame, name) !== undefined;

function said(frame, name, theme) {
  const field = frame.fields.find((f) => f.type === FieldType.number);
  const display = getDisplayProcessor({ field, theme });
  return (row) => {
    const { text, suffix } = display(column(frame, name)?.values[row] ?? field.values[row]);
    return text + (suffix ?? '');
  };
}

export function Graph({ frames, width, height, theme }) {
  const ends = frames.find((frame) => has(frame, 'source'));
  const nodes = frames.find((frame) => !has(frame, 'source'));
  if (!ends?.length || !nodes?.length) {
    return <pre className="failure">a node graph without nodes or edges</pre>;
  }
  const ids = [...column(nodes, 'id').values];
  const at = new Map(ids.map((id, i) => {
    const angle = 2 * Math.PI * i / ids.length;
    return [id, { x: width / 2 + (width / 2 - 140) * Math.cos(angle), y: height / 2 + (height / 2 - 60) * Math.sin(angle) }];
  }));
  if (at.size !== ids.length) {
    return <pre className="failure">two nodes of a node graph have one id</pre>;
  }
  const nodeSays = said(nodes, 'mainstat', theme), edgeSays = said(ends, 'mainstat', theme);
  const lines = [...column(ends, 'source').values].map((source, i) => [source, column(ends, 'target').values[i], edgeSays(i)]);
  const lost = lines.find(([source, target]) => !at.has(source) || !at.has(target));
  if (lost) {
    return <pre className="failure">an edge of a node graph leads nowhere: {lost.join(' ')}</pre>;
  }
  return (
    <svg width={width} height={height} style={{ fontSize: 11, fill: theme.colors.text.primary }}>
      {lines.map(([source, target, text], i) => {
        const [a, b] = [at.get(source), at.get(target)];
        return (
          <g key={i}>
            <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} stroke={theme.colors.text.disabled} />
            <text x={a.x + (b.x - a.x) * 0.6} y={a.y + (b.y - a.y) * 0.6} textAnchor="middle">{text} ▸</text>
          </g>
        );
      })}
      {ids.map((id, i) => {
        const { x, y } = at.get(id);
        return (
          <g key={id}>
            <circle cx={x} cy={y} r={RADIUS} fill={theme.colors.background.secondary} stroke={theme.visualization.getColorByName('green')} strokeWidth={2} />
            <text x={x} y={y + 4} textAnchor="middle">{nodeSays(i)}</text>
            <text x={x} y={y + RADIUS + 14} textAnchor="middle">{column(nodes, 'title')?.values[i]}</text>
          </g>
        );
      })}
    </svg>
  );
}
