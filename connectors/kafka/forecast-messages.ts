/** Forecasts and dead letters as Kafka messages. */
import type { ForecastBatch, Reject } from '../../src/core/batch.ts';
import type { SinkContext } from '../../src/core/connector.ts';

/** A message on its way to a topic. */
export interface Outgoing {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** The topic's partition, once chosen: a message that is sent again goes where it went before. */
  partition?: number;
}

/** What a message takes in memory, about. */
export function sizeOf({ key, value, headers }: Outgoing): number {
  let size = value.length + (key?.length ?? 0) + 64;
  for (const name in headers) size += name.length + headers[name]!.length;
  return size;
}

/**
 * One message a row: everything that was forecast for a series at one moment, so that a reader never sees half of it and a compacted
 * topic keeps the whole latest forecast of every series.
 *
 * Entries without a forecast are left out, a row without any has no message; numbers that JSON cannot hold are null.
 */
export function forecastMessages(
  topic: string,
  batch: ForecastBatch,
  { pipeline, targets, quantiles }: Pick<SinkContext, 'pipeline' | 'targets' | 'quantiles'>,
): Outgoing[] {
  const { length, horizon, quantileCount } = batch;
  const pipelineText = JSON.stringify(pipeline);
  const targetTexts = targets.map((target) => `{"target":${JSON.stringify(target)},"step":`);
  const levels = quantiles.map((level, i) => `${i === 0 ? '' : ','}"${level}":`);
  const messages: Outgoing[] = [];
  for (let row = 0; row < length; row++) {
    let entries = '';
    for (let target = 0; target < batch.targets; target++) {
      for (let step = 0; step < horizon; step++) {
        const at = (row * batch.targets + target) * horizon + step;
        const time = batch.validTimes[row * horizon + step]!;
        const mean = batch.mean[at]!;
        const naive = batch.naive[at]!;
        if (Number.isNaN(time) || (Number.isNaN(mean) && Number.isNaN(naive))) continue;
        entries += `${entries === '' ? '' : ','}${targetTexts[target]!}${step + 1},"time":${number(time)},"mean":${number(mean)},"quantiles":{`;
        for (let q = 0; q < quantileCount; q++) entries += levels[q]! + number(batch.quantiles[at * quantileCount + q]!);
        entries += `},"naive":${number(naive)}}`;
      }
    }
    if (entries === '') continue;
    const series = batch.keys[batch.lanes[row]!] ?? '';
    const issued = number(batch.issued[row]!);
    const id = JSON.stringify(forecastId(pipeline, batch.issued[row]!, series));
    const head = `{"id":${id},"pipeline":${pipelineText},"series":${JSON.stringify(series)},"issued":${issued}`;
    const text = `${head},"model":${JSON.stringify(batch.models[batch.model[row]!] ?? '')},"forecasts":[${entries}]}`;
    messages.push({ topic, key: Buffer.from(series), value: Buffer.from(text) });
  }
  return messages;
}

/** What two copies of a forecast have in common: `pipeline/issued/series`. */
export function forecastId(pipeline: string, issued: number, series: string): string {
  return `${pipeline}/${number(issued)}/${series}`;
}

/**
 * A refused tick: its message's key and bytes as they were, and why it was refused in the headers.
 *
 * A tick that was refused after it was decoded has no bytes of its own any more: it becomes JSON of series, time and values.
 */
export function deadLetter(topic: string, reject: Reject, pipeline: string): Outgoing {
  const { partition, offset, reason, series, time, values, raw, bytes, key, origin } = reject;
  const value =
    bytes ??
    Buffer.from(
      raw ??
        JSON.stringify({
          series: series ?? null,
          time: time === undefined || !Number.isFinite(time) ? null : time,
          values: values && values.map((each) => (Number.isFinite(each) ? each : String(each))),
        }),
    );
  return {
    topic,
    key: key ? Buffer.from(key) : series === undefined ? null : Buffer.from(series),
    value: Buffer.from(value),
    headers: {
      reason,
      origin: origin ?? `${partition}/${offset}`,
      pipeline,
      ...(series === undefined ? {} : { series }),
      ...(time === undefined || Number.isNaN(time) ? {} : { time: String(time) }),
    },
  };
}

/** A double as JSON that reads back as the same double. */
function number(value: number): string {
  if (value - value !== 0) return 'null';
  return value === 0 && Object.is(value, -0) ? '-0' : String(value);
}
