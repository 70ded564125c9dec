/** Where a source continues: the next offset of each partition. Only the source knows what an offset means. */
export type Position = Readonly<Record<string, number>>;

/** Whether a position is at or after another in every partition. */
export function reached(position: Position, other: Position): boolean {
  return Object.entries(other).every(([partition, offset]) => (position[partition] ?? 0) >= offset);
}
