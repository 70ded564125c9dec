/**
 * What other tools reached on the same rows by the same protocol, measured once: LightGBM, river (Holt-Winters, SNARIMAX), a GRU in
 * PyTorch, ridge regression; refitted every 1,000 rows (ETTh1: 500). By the name of a case.
 */

/** MAE at step 1 / 12: naive, Holt-Winters, SNARIMAX, LightGBM, GRU. The mixture of them all is the level to reach. */
export const NAB_PEERS: Readonly<Record<string, readonly string[]>> = {
  taxi: ['1284 / 8897', '1088 / 7834', '728 / 4721', '457 / 1287', '502 / 1560'],
  ec2: ['3.08 / 2.42', '2.05 / 1.81', '1.24 / 1.56', '1.24 / 1.77', '1.59 / 2.18'],
  occupancy: ['2.14 / 2.54', '1.71 / 2.35', '1.73 / 2.45', '1.71 / 1.90', '1.69 / 2.13'],
  machine: ['0.850 / 2.20', '0.806 / 2.20', '0.809 / 2.46', '0.728 / 2.32', '0.744 / 2.07'],
};

/** What is compared, and the best that was measured. */
export const OTHER_PEERS: Readonly<Record<string, readonly [what: string, best: string]>> = {
  'taxi-network': ['`nyc_taxi`: MAE without the network over that with it, 1 / 12 steps ahead', 'without the network: 1 / 1'],
  walks: ['100 random walks: MAE over that of naive / series shown to have no skill', 'naive: 1 / 100'],
  shifts: [
    'six series that change every 1,000 rows, the 500 rows after a change: error over that of the best single model there, all / worst change',
    'that model: 1 / 1',
  ],
  memory: [
    'memory that no window of 200 rows holds: MAE without the network over that with it, all rows / those that hang on it',
    'without the network: 1 / 1',
  ],
  'ett-ot-1': ['ETTh1, target OT, 1 step: MSE / MAE', 'ridge over 336 lags, refitted: 0.0038 / 0.0454'],
  'ett-ot-24': ['ETTh1, target OT, 24 steps: MSE / MAE', 'ridge over 336 lags, refitted: 0.0266 / 0.1240'],
  'ett-all-1': ['ETTh1, all 7 columns, 1 step: MSE / MAE', 'GRU, refitted: 0.0915 / 0.1941'],
  'ett-all-24': ['ETTh1, all 7 columns, 24 steps: MSE / MAE', 'ridge, refitted: 0.2952 / 0.3490; frozen: 0.2969 / 0.3457'],
  m4: [
    'M4 Hourly, 414 series, 48 steps: sMAPE / MASE',
    'LightGBM 8.90 / 0.890; ES-RNN, the winner, published 9.328 / 0.893; seasonal naive 13.9 / 1.19',
  ],
};
