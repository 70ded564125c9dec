// What stands where in memory. The TypeScript side writes these as rows of 32-bit integers in this order; see `structs.ts` above.

/** One layer's weights, packed; the training half is zero where nothing trains. hp = hidden rounded up to 8, columns = gates * hp. */
@unmanaged
export class Layer {
  inputs: i32; // of this layer
  w: usize; // [inputs][columns]
  b: usize; // [columns]
  u: usize; // [hidden][columns], without those of un; 0 for none
  un: usize; // [hidden][hp]; the candidate's, where it is multiplied apart: gru, lstm with relevance
  bn: usize; // [hp]; gru, reset after
  wt: usize; // w, u, un transposed
  ut: usize;
  unt: usize;
  gw: usize; // gradients, packed like the weights
  gb: usize;
  gu: usize;
  gun: usize;
  gbn: usize;
}

/** One set of weights and its sizes. Counts in floats. */
@unmanaged
export class Model {
  cell: i32; // 0 rnn, 1 gru reset before, 2 gru reset after, 3 lstm, 4 lstm with relevance, 5 none
  layers: i32;
  inputs: i32; // of the first layer: with categories, after they have been spread
  hidden: i32;
  hp: i32; // hidden, rounded up to 8
  arow: usize; // bytes of a row of `a`, the cell's gates: hp columns each, and a gap
  outputs: i32;
  op: i32; // outputs, rounded up to 8
  first: usize; // Layer[layers]
  w: usize; // head [hidden][op]
  b: usize; // [op]
  s: usize; // [inputs][op], 0 without skip
  wt: usize; // head transposed
  gw: usize;
  gb: usize;
  gs: usize;
  raw: i32; // numbers of an x row as it is given
  categories: i32; // of its first number; 0 where that is a number like the others
  spread: i32; // numbers that a category becomes
  table: usize; // [categories][spread]; 0: one-hot
  gtable: usize;
  st: usize; // s transposed, with a table
}

/** The live side: lanes, and a wave over some of them. */
@unmanaged
export class Wave {
  laneCount: i32;
  stateSize: i32; // floats a lane
  state: usize; // [laneCount][stateSize]: by layer, h then c
  lanes: usize; // i32 [rows]
  x: usize; // [rows][raw]
  y: usize; // [rows][outputs]
  a: usize; // scratch of one tile [TILE][arow / 4]
  h: usize; // [2][TILE][hp]
  c: usize; // [TILE][hp]
  e: usize; // [TILE][hp]
  o: usize; // [TILE][op]
  xw: usize; // [TILE][inputs], with categories
}

/** The training side: everything the backward pass needs, for a batch of sequences. n = steps * batch. */
@unmanaged
export class Batch {
  batch: i32;
  steps: i32;
  warm: i32; // of the steps, the first: they move the state, and have neither output nor loss
  stateSize: i32;
  targets: i32;
  group: i32; // outputs of a target
  loss: i32; // 0 squared, 1 huber, 2 absolute, each with quantiles; 3 categorical, 4 gaussian, 5 student
  delta: f32; // huber: where it turns straight; student: degrees of freedom
  constant: f32; // of the likelihoods
  levels: usize; // f32 [group - 1], of the quantiles
  state: usize; // [batch][stateSize]
  x: usize; // [n][raw]
  target: usize; // [n][targets]
  y: usize; // [n][outputs]
  o: usize; // [n][op]
  do: usize; // [n][op]
  a: usize; // [layers][n][arow / 4]
  h: usize; // [layers][n + batch][hp], the first batch rows are the initial state
  c: usize; // the same, lstm
  e: usize; // [layers][n][hp], r * h: gru reset before, lstm with relevance
  dx: usize; // [n][hp]: gradient of a layer's output, for the last with what comes from elsewhere; then of its input
  dh: usize; // [batch][hp]
  dc: usize; // [batch][hp]
  de: usize; // [batch][hp]
  xw: usize; // [n][inputs], with categories
  dxw: usize; // [batch][spread, rounded up to 8], with a table; with ac [categories] of them
  din: usize; // [n][inputs, rounded up to 8]: gradient of x; 0 where nobody asks for it
  dstate: usize; // [batch][stateSize]: gradient of the state after the last step, then of the one before the first
  ac: usize; // [categories][arow / 4]: W x + b by category, then sums of a's gradients by category; 0 where each row is multiplied for itself
}
