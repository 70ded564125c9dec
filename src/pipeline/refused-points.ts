/** Points that the other side of a sink will never take: told, counted, and kept beside the state. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefusedPoint } from '../core/connector.ts';
import type { EventBus } from '../core/events.ts';
import { writeError } from './state-write.ts';

/** JSON lines in the state folder, one a point: `{ sink, reason, point }`. At least once: a restart may refuse the same points again. */
export const REFUSED_FILE = 'refused.jsonl';

/** Appends the points; they are durable when the promise resolves. Throws `STATE_WRITE`: the run stops without passing them. */
export async function refuse(folder: string, points: readonly RefusedPoint[], events: EventBus): Promise<void> {
  if (points.length === 0) return;
  try {
    const file = await open(join(folder, REFUSED_FILE), 'a');
    try {
      await file.appendFile(points.map((point) => `${JSON.stringify(point)}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw writeError(folder, cause);
  }
  for (const { sink, reason } of points) events.emit('points.refused', { sink, reason, count: 1 });
}
