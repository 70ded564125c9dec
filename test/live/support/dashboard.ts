/** The Grafana dashboard, as the queries that it sends. */
import { readFileSync } from 'node:fs';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly query?: string; readonly expr?: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

const { panels, templating } = JSON.parse(readFileSync('config/grafana/dashboards/tidecast.json', 'utf8')) as Dashboard;

/** The queries to InfluxDB by panel, as written. */
export const INFLUX_QUERIES = panels.flatMap(({ title, targets = [] }) =>
  targets.flatMap(({ query }) => (query === undefined ? [] : [[title, query] as const])),
);

/** The queries to Prometheus by panel. */
export const PROMETHEUS_QUERIES = panels.flatMap(({ title, targets = [] }) =>
  targets.flatMap(({ expr }) => (expr === undefined ? [] : [[title, expr] as const])),
);

/** The queries from which the variables get their values, by variable. */
export const VARIABLES = new Map(templating.list.map(({ name, query }) => [name, query]));

/** A query with its variables filled in as Grafana does it. Throws where one has no value. */
export function filledIn(query: string, values: Readonly<Record<string, string>>): string {
  return query.replace(/\$\{(\w+):regex\}|\$(\w+)/g, (_, asPattern?: string, plain?: string) => {
    const value = values[asPattern ?? plain!];
    if (value === undefined) throw new Error(`${query} uses ${asPattern ?? plain}, which has no value`);
    return asPattern === undefined ? value : value.replace(/[/\\^$*+?.()|[\]{}]/g, '\\$&');
  });
}
