/** Which networks of ours other programs know. */
import { TidecastError } from '../core/errors.ts';
import { cellOf, type NetworkShape } from '../nn/shape.ts';

/** A cell that Keras and ONNX have as well. */
export type KnownCell = 'rnn' | 'gru' | 'lstm';

/** The cell, where it and everything around it can be written; throws EXPORT_UNKNOWN for the others. */
export function exportable(shape: NetworkShape): KnownCell {
  const { cell, categories, bidirectional } = shape;
  if (cell === 'none' || cellOf(shape) === 'lstm relevance') throw new TidecastError('EXPORT_UNKNOWN', { cell: cellOf(shape) });
  if (categories !== undefined) throw new TidecastError('EXPORT_UNKNOWN', { categories });
  if (bidirectional) throw new TidecastError('EXPORT_UNKNOWN', { bidirectional });
  return cell;
}
