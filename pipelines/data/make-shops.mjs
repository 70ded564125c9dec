/**
 * Makes the bundled file of shops, from a seed: `node pipelines/data/make-shops.mjs`.
 *
 * A day of a shop is a line: what it sold, and whether it will have an offer seven days later. All have the same week; an offer comes by
 * chance and doubles what a shop in a centre sells, while those in a station hardly notice. Two shops open late.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAY = 86_400_000;
const DAYS = 730;
const AHEAD = 7;
const OFFERS = 0.15;
/** Share of the mean sales from Sunday to Saturday. */
const WEEK = [0.5, 0.9, 0.9, 0.95, 1.05, 1.3, 1.4];
/** What an offer multiplies sales by. */
const OFFER = { station: 1.05, centre: 2 };
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
    const date = new Date(Date.UTC(2023, 0, 1) + day * DAY);
    const sales = mean * WEEK[date.getUTCDay()] * (offers[shop][day] ? OFFER[kind] : 1) * (1 + 0.1 * noise());
    if (day >= opening)
      lines.push(`${date.toISOString().slice(0, 10)},${name},${Math.round(sales)},${offers[shop][day + AHEAD]}`);
  });
writeFileSync(join(import.meta.dirname, 'shops.csv'), `${lines.join('\n')}\n`);
