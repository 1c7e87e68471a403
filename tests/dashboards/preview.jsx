// SPDX-License-Identifier: Apache-2.0
// A preview of a dashboard by Grafana's own components (@grafana/ui, @grafana/data), from what a Prometheus has
// answered: window.PREVIEW holds both. This is not Grafana: there is no query, no repeat and no editor, and as
// the panels of heatmaps and node graphs are not on npm, they are drawn here. tests/dashboards/preview.py makes the page.

import {
  EventBusSrv, FieldConfigOptionsRegistry, FieldType, applyFieldOverrides, cacheFieldDisplayNames, createTheme, dateTime, getDisplayProcessor,
  reduceField, renderMarkdown, standardFieldConfigEditorRegistry, standardTransformers,
  standardTransformersRegistry, toDataFrame, transformDataFrame,
} from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, PanelContextProvider, ThemeContext, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { Component, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Graph } from './graph.jsx';
import { Heatmap } from './heatmap.jsx';

const { dashboard, answers, range, choices } = window.PREVIEW;
const theme = createTheme({ colors: { mode: 'dark' } });
const timeRange = { from: dateTime(range.from * 1000), to: dateTime(range.to * 1000), raw: { from: 'now-1h', to: 'now' } };
const CELL = 30, GAP = 8;

// Grafana's core knows which options fields have; npm does not have that list.
const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'links', 'color'];
const CUSTOM = ['drawStyle', 'lineWidth', 'fillOpacity', 'showPoints', 'spanNulls', 'stacking', 'lineStyle',
  'thresholdsStyle', 'axisCenteredZero', 'axisSoftMax', 'align', 'cellOptions', 'filterable', 'width', 'hideFrom'];
const option = (id, path, isCustom) => ({
  id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true, editor: () => null, override: () => null,
});
standardFieldConfigEditorRegistry.setInit(() => STANDARD.map((id) => option(id, id, false)));
const registry = new FieldConfigOptionsRegistry(() => [
  ...STANDARD.map((id) => option(id, id, false)), ...CUSTOM.map((id) => option('custom.' + id, id, true)),
]);
const { mergeTransformer, filterFieldsByNameTransformer, organizeFieldsTransformer } = standardTransformers;
standardTransformersRegistry.setInit(() => [mergeTransformer, filterFieldsByNameTransformer, organizeFieldsTransformer].map(
  (transformation) => ({ id: transformation.id, transformation: async () => transformation, name: transformation.name, editor: () => null })));

const legend = (format, labels) => format.replace(/\{\{ *(\w+) *\}\}/g, (_, name) => labels[name] ?? '').trim();

// What Grafana's data source does with an answer: a frame for each series, or one table.
function seriesFrames(target, answer) {
  return answer.map((series) => {
    const at = new Map(series.values.map(([time, value]) => [time, Number(value)]));
    const times = [];
    for (let time = range.from; time <= range.to; time += range.step) {
      times.push(time);
    }
    const { __name__, ...labels } = series.metric;
    const name = target.legendFormat ? legend(target.legendFormat, labels)
      : Object.keys(labels).length ? JSON.stringify(labels) : 'Value';
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: times.map((time) => time * 1000), config: { interval: range.step * 1000 } },
        { name: 'Value', type: FieldType.number, labels, config: { displayNameFromDS: name },
          values: times.map((time) => at.get(time) ?? null) },
      ],
    });
  });
}

function tableFrame(target, answer, many) {
  const labels = [...new Set(answer.flatMap((series) => Object.keys(series.metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: answer.map((series) => series.value[0] * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, values: answer.map((s) => s.metric[name] ?? '') })),
      { name: many ? `Value #${target.refId}` : 'Value', type: FieldType.number,
        values: answer.map((series) => Number(series.value[1])) },
    ],
  });
}

function useFrames(panel) {
  const [frames, setFrames] = useState(null);
  useEffect(() => {
    const targets = panel.targets.map((target) => [target, answers[`${panel.id}/${target.refId}`]]);
    const raw = targets.flatMap(([target, answer]) => {
      if (!answer.length || panel.type === 'heatmap') {
        return []; // a heatmap draws the answer itself
      }
      return target.format === 'table' ? [tableFrame(target, answer, targets.length > 1)]
        : seriesFrames(target, answer[0].values ? answer : answer.map((s) => ({ ...s, values: [s.value] })));
    });
    transformDataFrame(panel.transformations ?? [], raw).subscribe((data) => {
      const shown = applyFieldOverrides({
        data, fieldConfig: panel.fieldConfig, replaceVariables: (text) => text, theme, timeZone: 'utc',
        fieldConfigRegistry: registry,
      });
      cacheFieldDisplayNames(shown);
      setFrames(shown);
    });
  }, [panel]);
  return frames;
}

const Empty = ({ panel }) => (
  <div className="empty" data-panel={panel.title} style={{ display: 'grid', placeItems: 'center', height: '100%', color: theme.colors.text.secondary }}>
    {panel.fieldConfig.defaults.noValue ?? 'No data'}
  </div>
);

function annotate(builder) {
  builder.addHook('draw', (u) => {
    for (const { color, times } of window.PREVIEW.annotations) {
      u.ctx.save();
      u.ctx.strokeStyle = theme.visualization.getColorByName(color);
      u.ctx.setLineDash([5, 5]);
      for (const time of times) {
        const x = u.valToPos(time * 1000, 'x', true);
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.bbox.top);
        u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
        u.ctx.stroke();
      }
      u.ctx.restore();
    }
  });
  return null;
}

function Stat({ panel, frames, width, height }) {
  const field = frames[0].fields.find((f) => f.type === FieldType.number);
  const value = reduceField({ field, reducers: ['lastNotNull'] }).lastNotNull;
  const display = getDisplayProcessor({ field, theme })(value);
  const sparkline = panel.options.graphMode === 'area'
    ? { y: { ...field, config: { ...field.config, custom: {} } }, x: frames[0].fields[0] } : undefined;
  return <BigValue value={display} sparkline={sparkline} width={width} height={height} theme={theme}
    colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} justifyMode="auto" textMode="value" />;
}

function Body({ panel, width, height }) {
  const frames = useFrames(panel);
  if (frames === null) {
    return null;
  }
  if (panel.type === 'heatmap') {
    const found = panel.targets.map((target) => answers[`${panel.id}/${target.refId}`]).find((a) => a.length);
    return found ? <Heatmap answer={found} width={width} height={height} range={range} theme={theme} /> : <Empty panel={panel} />;
  }
  if (!frames.length || !frames.some((frame) => frame.length)) {
    return <Empty panel={panel} />;
  }
  if (panel.type === 'nodeGraph') {
    return <Graph {...{ frames, width, height, theme }} />;
  }
  if (panel.type === 'stat') {
    return <Stat {...{ panel, frames, width, height }} />;
  }
  if (panel.type === 'table') {
    return <TableNG data={frames[0]} width={width} height={height} cellHeight={panel.options.cellHeight}
      sortBy={panel.options.sortBy} timeRange={timeRange} enableSharedCrosshair={false}
      fieldConfig={panel.fieldConfig} structureRev={1} getActions={() => []} noHeader={false} />;
  }
  return <TimeSeries frames={frames} timeRange={timeRange} timeZone="utc" width={width} height={height}
    legend={panel.options.legend} options={panel.options}>{annotate}</TimeSeries>;
}

class Guard extends Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  render() {
    return this.state.error ? <pre className="failure">{this.props.title}: {String(this.state.error.stack)}</pre> : this.props.children;
  }
}

function Panel({ panel, unit }) {
  const { x, y, w, h } = panel.gridPos;
  const box = { position: 'absolute', left: x * unit + GAP / 2, top: y * (CELL + GAP), width: w * unit - GAP, height: h * CELL + (h - 1) * GAP };
  if (panel.type === 'row') {
    return <div style={{ ...box, display: 'flex', alignItems: 'center', fontWeight: 500, color: theme.colors.text.primary }}>⌄&nbsp; {panel.title}</div>;
  }
  return (
    <div style={box}>
      <PanelChrome title={panel.title} description={panel.description} width={box.width} height={box.height} padding={panel.type === 'table' ? 'none' : 'md'}>
        {(width, height) => (
          <Guard title={panel.title}>
            {panel.type === 'text'
              ? <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(panel.options.content) }} />
              : <Body panel={panel} width={width} height={height} />}
          </Guard>
        )}
      </PanelChrome>
    </div>
  );
}

const Choice = ({ label, text }) => (
  <span style={{ display: 'inline-flex', marginRight: 8, border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, fontSize: 12 }}>
    <span style={{ padding: '5px 8px', background: theme.colors.background.secondary }}>{label}</span>
    <span style={{ padding: '5px 8px', maxWidth: 220, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}>{text}</span>
  </span>
);

function App() {
  const unit = (document.documentElement.clientWidth - 16) / 24;
  const rows = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={{ eventsScope: '', eventBus: new EventBusSrv(), sync: () => 0, onToggleSeriesVisibility() {} }}>
        <div style={{ padding: 8, background: theme.colors.background.canvas }}>
          <div style={{ padding: '4px 4px 10px', fontSize: 18 }}>{dashboard.title}</div>
          <div style={{ padding: '0 4px 10px' }}>{choices.map((choice) => <Choice key={choice.label} {...choice} />)}</div>
          <div style={{ position: 'relative', height: rows * (CELL + GAP) }}>
            {dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} unit={unit} />)}
          </div>
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('root')).render(<App />);
