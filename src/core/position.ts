/** Where a source continues: the next offset of each partition. Only the source knows what an offset means. */
export type Position = Readonly<Record<string, number>>;
