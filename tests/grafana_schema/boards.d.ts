// What a board must be: Grafana's own types, with JSON's strings where they have enums.
import type { Dashboard, Panel, RowPanel, TableCellOptions } from '@grafana/schema';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  Options as StateTimeline, FieldConfig as StateTimelineField,
} from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as Table, FieldConfig as TableField } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type {
  Options as TimeSeries, FieldConfig as TimeSeriesField,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** T as it stands in JSON: a string enum is one of its texts. */
export type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer Item> ? Array<Json<Item>>
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

/** SQL as Grafana's PostgreSQL data source takes it; it publishes no types of its own. */
interface Target {
  refId: string;
  datasource: { type: 'postgres'; uid: 'nuanshao-timescaledb' };
  editorMode: 'code';
  format: 'table' | 'time_series';
  rawQuery: true;
  rawSql: string;
}

type Of<Type extends string, Options, Custom> = Json<
  Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
    type: Type;
    options: Options;
    fieldConfig: {
      defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'> & { custom?: Partial<Custom> };
      overrides: Array<{ matcher: { id: string; options?: string }; properties: Array<{ id: string; value?: unknown }> }>;
    };
    targets: Target[];
  }
>;

type Annotation = Omit<NonNullable<NonNullable<Dashboard['annotations']>['list']>[number], 'target'> & { target: Target };

export type Board = Json<Omit<Dashboard, 'panels' | 'annotations'> & { annotations: { list?: Annotation[] } }>;
export type Row = Json<Omit<RowPanel, 'panels'>> & { panels: [] };
export type CellOptions = Json<TableCellOptions>;
export type Panels = {
  bargauge: Of<'bargauge', BarGauge, object>;
  stat: Of<'stat', Stat, object>;
  'state-timeline': Of<'state-timeline', StateTimeline, StateTimelineField & { spanNulls: number }>; // it is an option of the panel, their types forgot it
  table: Of<'table', Table, TableField>;
  timeseries: Of<'timeseries', TimeSeries, TimeSeriesField>;
};
