/** Lines that are sent in one request. */

/** The bytes of whole lines, each with its line feed. */
export interface Chunk {
  readonly body: Buffer;
  readonly points: number;
}

/** A chunk of at least two points as two, in order. */
export function halves({ body, points }: Chunk): [Chunk, Chunk] {
  const first = points >> 1;
  let end = 0;
  for (let line = 0; line < first; line++) end = body.indexOf(0x0a, end) + 1;
  return [
    { body: body.subarray(0, end), points: first },
    { body: body.subarray(end), points: points - first },
  ];
}

/** A chunk of one point as text, without the line feed. */
export function pointText({ body }: Chunk): string {
  return body.toString('utf8').replace(/\n$/, '');
}
