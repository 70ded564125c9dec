/** Short forms of the fault tests for every day, long ones for `npm run test:faults`. */

/** Whether the long forms were asked for. */
export const FULL = process.env['TIDECAST_FAULTS'] === 'full';

/** Milliseconds that an outage lasts. */
export function outage(short: number, full: number): number {
  return FULL ? full : short;
}
