/** The frame of a plot: static SVG by Observable Plot, in two widths, coloured by the style sheet. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { value } from './numbers.ts';
import { COLOURS } from './page-style.ts';

const { document } = parseHTML('<html><body></body></html>');

/** The axes of a plot. */
export interface Frame {
  /** Null: the axis has no label. */
  readonly y: string | null;
  /** Cuts off what lies outside of `domain`. */
  readonly clip?: boolean;
  readonly height?: number;
  readonly time?: boolean;
  readonly zero?: boolean;
  /** Powers of ten on the y axis. */
  readonly log?: boolean;
  readonly domain?: readonly [number, number];
  readonly percent?: boolean;
  readonly x?: string;
  readonly percentX?: boolean;
  /** Whole numbers up to this one on the x axis. */
  readonly upTo?: number;
}

type Element = ReturnType<typeof document.createElement>;

/** Draws for wide pages and for narrow ones; the style sheet shows one of them. */
export function draw(label: string, frame: Frame, marks: () => Plot.Markish[]): string {
  return drawn(label, frame, marks).join('');
}

/** Draws a file of its own, with the colours of the report on its paper, and the label as its title in place of the y axis'. */
export function drawAlone(label: string, frame: Frame, marks: () => Plot.Markish[]): string {
  const title = `<text x="8" y="15" text-anchor="start" font-weight="600" fill="currentColor">${label.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)}</text>`;
  const style = `<style>${COLOURS} svg { background: var(--paper); color: var(--ink); font-family: system-ui, sans-serif; }</style>`;
  const [wide] = drawn(label, { ...frame, y: null }, marks);
  return `${wide!.replace(/^<svg[^>]*>/, (opening) => `${opening}${style}${title}`)}\n`;
}

function drawn(label: string, frame: Frame, marks: () => Plot.Markish[]): string[] {
  return [
    { name: 'wide', width: 860, height: frame.height ?? 260, size: 12, left: 62 },
    { name: 'narrow', width: 380, height: Math.min(frame.height ?? 260, 240), size: 12, left: 50 },
  ].map(({ name, width, height, size, left }) => {
    const narrow = name === 'narrow';
    const svg = Plot.plot({
      document,
      clip: frame.clip ?? false,
      width,
      height,
      marginLeft: left,
      marginRight: 14,
      marginTop: 24,
      marginBottom: frame.x === undefined ? 28 : 44,
      style: { fontSize: `${size}px` },
      x: { type: frame.time ? 'utc' : 'linear', label: null },
      y: {
        nice: true,
        ...(frame.log ? { type: 'log' } : {}),
        ...(frame.zero ? { zero: true } : {}),
        ...(frame.domain ? { domain: [...frame.domain], nice: false } : {}),
      },
      marks: [
        Plot.gridY({ ticks: 5, stroke: 'var(--grid)', strokeOpacity: 1 }),
        Plot.axisY({
          label: frame.y,
          labelAnchor: 'top',
          labelArrow: 'none',
          tickSize: 0,
          ticks: 5,
          ...(frame.log ? { tickFormat: powerTick } : frame.percent ? { tickFormat: percentTick } : { tickFormat: value }),
        }),
        frame.time
          ? Plot.axisX({ ticks: narrow ? 4 : 9, tickSize: 4, tickFormat: timeTick, label: null })
          : Plot.axisX({
              ticks: frame.upTo === undefined ? (narrow ? 5 : 11) : wholeTicks(frame.upTo, narrow ? 6 : 12),
              tickSize: 4,
              tickFormat: frame.percentX ? percentTick : String,
              label: frame.x ?? null,
              labelArrow: 'none',
              labelOffset: 40,
            }),
        ...marks(),
      ],
    } as Plot.PlotOptions);
    return finished(svg as unknown as Element, `plot ${name}`, label);
  });
}

/** Without a style of its own: the page has one, and allows no other. */
function finished(svg: Element, name: string, label: string): string {
  for (const style of svg.querySelectorAll('style')) style.remove();
  for (const each of [svg, ...svg.querySelectorAll('[style]')]) each.removeAttribute('style');
  svg.setAttribute('class', name);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  svg.removeAttribute('font-family');
  svg.setAttribute('font-size', '12');
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return svg.outerHTML;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function timeTick(at: Date): string {
  if (at.getTime() % 60_000 !== 0) return at.toISOString().slice(11, 19);
  if (at.getTime() % 86_400_000 !== 0) return at.toISOString().slice(11, 16);
  if (at.getUTCDate() !== 1) return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  return at.getUTCMonth() === 0 ? String(at.getUTCFullYear()) : MONTHS[at.getUTCMonth()]!;
}

function powerTick(x: number): string {
  return x.toExponential(0).replace('-', '−');
}

function percentTick(share: number): string {
  return `${Math.round(share * 10_000) / 100} %`.replace('-', '−');
}

/** 1, and multiples of a round number up to the last: about so many. */
function wholeTicks(last: number, about: number): number[] {
  const least = last / about;
  const stride = [1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 24, 50, 100, 200, 500, 1000].find((each) => each >= least) ?? Math.ceil(least);
  return [1, ...Array.from({ length: Math.floor(last / stride) }, (_, i) => (i + 1) * stride)].filter(
    (x, i, all) => all.indexOf(x) === i,
  );
}
