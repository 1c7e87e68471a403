// SPDX-License-Identifier: Apache-2.0
// A heatmap of histograms, classic (a series for each le) or native, on a logarithmic axis of seconds.

import { getValueFormat } from '@grafana/data';
import { useEffect, useRef } from 'react';

const COLOURS = ['#fff5eb00', '#7f2704', '#d94801', '#f16913', '#fd8d3c', '#fdd0a2', '#fff5eb'];
const LEFT = 60, BOTTOM = 24;

const mix = (share) => {
  const at = Math.max(1, Math.min(COLOURS.length - 1, 1 + Math.floor(share ** 0.5 * (COLOURS.length - 1))));
  return COLOURS[at];
};

// [{time, low, high, count}], whichever form the answer has.
function cells(answer) {
  const found = [];
  for (const series of answer) {
    for (const [time, histogram] of series.histograms ?? []) {
      for (const [, low, high, count] of histogram.buckets ?? []) {
        found.push({ time, low: Number(low), high: Number(high), count: Number(count) });
      }
    }
  }
  const classic = answer.filter((series) => series.values && series.metric.le !== undefined)
    .map((series) => ({ le: Number(series.metric.le.replace('+Inf', 'Infinity')), at: new Map(series.values) }))
    .sort((a, b) => a.le - b.le);
  classic.forEach(({ le, at }, i) => {
    const below = classic[i - 1];
    for (const [time, value] of at) {
      found.push({ time, low: below?.le ?? 0, high: le, count: Number(value) - Number(below?.at.get(time) ?? 0) });
    }
  });
  return found.filter(({ count }) => count > 1e-9);
}

export function Heatmap({ answer, width, height, range, theme }) {
  const canvas = useRef(null);
  useEffect(() => {
    const all = cells(answer);
    const context = canvas.current.getContext('2d');
    const format = getValueFormat('s');
    const finite = all.flatMap(({ low, high }) => [low, high]).filter((v) => v > 0 && Number.isFinite(v));
    if (!finite.length) {
      return;
    }
    const bottom = Math.log(Math.min(...finite)), top = Math.log(Math.max(...finite) * 2);
    const most = Math.max(...all.map(({ count }) => count));
    const y = (value) => (height - BOTTOM) * (1 - (Math.log(Math.min(Math.max(value, Math.exp(bottom)), Math.exp(top))) - bottom) / (top - bottom));
    const x = (time) => LEFT + (width - LEFT) * (time - range.from) / (range.to - range.from + range.step);
    context.clearRect(0, 0, width, height);
    for (const { time, low, high, count } of all) {
      const [upper, lower] = [y(high), y(low || Math.exp(bottom) / 2)];
      context.fillStyle = mix(count / most);
      context.fillRect(x(time), upper, Math.max(1, x(time + range.step) - x(time) - 1), Math.max(1, lower - upper - 1));
    }
    context.fillStyle = theme.colors.text.primary;
    context.font = '12px Inter, sans-serif';
    context.textAlign = 'right';
    const steps = top - bottom < 2 * Math.LN10 ? [1, 2, 5] : [1];
    for (let power = Math.floor(bottom / Math.LN10); power * Math.LN10 <= top; power++) {
      for (const value of steps.map((step) => step * 10 ** power).filter((v) => Math.log(v) >= bottom && Math.log(v) <= top)) {
        const { text, suffix } = format(value, 0);
        context.fillText(text + (suffix ?? ''), LEFT - 6, Math.max(10, y(value) + 4));
      }
    }
    context.textAlign = 'center';
    for (let i = 1; i < 6; i++) {
      const time = range.from + (range.to - range.from) * i / 6;
      context.fillText(new Date(time * 1000).toISOString().slice(11, 16), x(time), height - 6);
    }
  }, [answer, width, height]);
  return <canvas ref={canvas} width={width} height={height} />;
}
