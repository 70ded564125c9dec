/** Durations as people write them: `500ms`, `30s`, `5m`, `2h`, `1d`, `1w`; a plain number is milliseconds. */

const UNIT = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

export const DURATION_PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;

/** Milliseconds of a written duration, or NaN when it is none. */
export function milliseconds(text: string | number): number {
  if (typeof text === 'number') return text;
  const match = DURATION_PATTERN.exec(text.trim());
  return match ? Number(match[1]) * UNIT[match[2] as keyof typeof UNIT] : NaN;
}

/** The shortest exact way to write milliseconds: `duration(90000)` is `90s`, `duration(3600000)` is `1h`. */
export function duration(ms: number): string {
  for (const unit of ['w', 'd', 'h', 'm', 's'] as const) {
    if (ms !== 0 && ms % UNIT[unit] === 0) return `${ms / UNIT[unit]}${unit}`;
  }
  return `${ms}ms`;
}
