/**
 * Makes the bundled file of shops, from a seed: `node pipelines/data/make-shops.mjs`.
 *
 * A day of a shop is a line: what it sold, and whether it will have an offer seven days later. Shops in a station sell on working days,
 * those in a centre at the weekend; an offer comes by chance, and raises what a centre sells by more. Two shops open late.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAY = 86_400_000;
const DAYS = 730;
const AHEAD = 7;
const OFFERS = 0.15;
/** Mean sales from Sunday to Saturday, and what an offer multiplies them by. */
const KINDS = {
  station: { week: [0.5, 1.1, 1.15, 1.15, 1.2, 1.25, 0.65], offer: 1.25 },
  centre: { week: [0.4, 0.8, 0.8, 0.85, 1, 1.35, 1.8], offer: 1.9 },
};
/** Kind, mean sales a day, and the day of opening. */
const SHOPS = {
  north: ['station', 240, 0],
  south: ['centre', 310, 0],
  market: ['centre', 180, 0],
  harbour: ['station', 120, 0],
  college: ['station', 150, 400],
  gardens: ['centre', 220, 400],
};

/** mulberry32 */
function generator(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const random = generator(1);
/** About normal, with a standard deviation of 1. */
const noise = () => Math.sqrt(2) * Array.from({ length: 6 }, random).reduce((sum, each) => sum + each - 0.5, 0);

const lines = ['date,shop,sales,offer_in_7_days'];
const offers = Object.keys(SHOPS).map(() => Array.from({ length: DAYS + AHEAD }, () => (random() < OFFERS ? 1 : 0)));
for (let day = 0; day < DAYS; day++)
  Object.entries(SHOPS).forEach(([name, [kind, mean, opening]], shop) => {
    const { week, offer } = KINDS[kind];
    const date = new Date(Date.UTC(2023, 0, 1) + day * DAY);
    const sales = mean * week[date.getUTCDay()] * (offers[shop][day] ? offer : 1) * (1 + 0.1 * noise());
    if (day >= opening)
      lines.push(`${date.toISOString().slice(0, 10)},${name},${Math.round(sales)},${offers[shop][day + AHEAD]}`);
  });
writeFileSync(join(import.meta.dirname, 'shops.csv'), `${lines.join('\n')}\n`);
