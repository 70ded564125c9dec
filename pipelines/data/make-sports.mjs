/**
 * Makes the two bundled files of lines about football or basketball, from a seed: `node pipelines/data/make-sports.mjs`.
 *
 * A line is its label, a tab and a sentence. Some sentences give themselves away by a word, most of their words are common to both sports, and
 * a third speaks of both sports, so that only the order tells which of them it is about. `sports-more.txt` has people and places of its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LABELS = ['football', 'basketball'];

const PEOPLE = [
  ...[
    'Anna',
    'Ben',
    'Carla',
    'Dennis',
    'Emma',
    'Farid',
    'Grace',
    'Hugo',
    'Ida',
    'Jonas',
    'Kofi',
    'Lena',
    'Mehmet',
    'Nora',
    'Oscar',
  ],
  ...['Petra', 'Ravi', 'Sofia', 'Tom', 'Ulla', 'Viktor', 'Wendy', 'Yusuf', 'Zoe'],
];
const PLACES = [
  'Leeds',
  'Porto',
  'Malmo',
  'Gdansk',
  'Lyon',
  'Turin',
  'Bremen',
  'Cork',
  'Bilbao',
  'Graz',
  'Ghent',
  'Split',
  'Oulu',
  'Basel',
];
const OTHER_PEOPLE = ['Aline', 'Bruno', 'Clara', 'Daniel', 'Elif', 'Gustav', 'Helga', 'Ivan', 'Marta', 'Paolo', 'Rosa', 'Stefan'];
const OTHER_PLACES = ['Bergen', 'Lille', 'Genoa', 'Rostock', 'Zadar', 'Bristol', 'Tampere', 'Linz'];

/** Words of one sport, then those of the other, by slot. */
const OWN = {
  thing: [
    ['penalty', 'corner kick', 'header', 'free kick', 'offside call', 'own goal', 'throw-in', 'goal kick'],
    ['dunk', 'rebound', 'three-pointer', 'lay-up', 'free throw', 'jump shot', 'buzzer beater', 'hook shot'],
  ],
  who: [
    ['goalkeeper', 'striker', 'midfielder', 'left back', 'linesman', 'winger', 'sweeper'],
    ['point guard', 'power forward', 'shooting guard', 'small forward', 'dunker', 'rebounder', 'pivot'],
  ],
  where: [
    ['penalty box', 'crossbar', 'goal line', 'centre circle', 'grass', 'muddy pitch'],
    ['hoop', 'rim', 'backboard', 'three-point line', 'parquet', 'hardwood'],
  ],
  when: [
    ['in extra time', 'just before half-time', 'in the second half', 'in stoppage time', 'in the ninetieth minute'],
    ['in overtime', 'at the end of the first quarter', 'in the fourth quarter', 'as the shot clock ran out', 'at the buzzer'],
  ],
};
const COMMON = {
  role: ['coach', 'captain', 'referee', 'trainer', 'president', 'doctor', 'reporter', 'manager'],
  crowd: ['fans', 'crowd', 'children', 'old players', 'supporters', 'students', 'visitors', 'neighbours'],
  how: ['late', 'loudly', 'again', 'in the rain', 'without a word', 'for an hour', 'with a smile', 'all night', 'as always'],
  praise: ['brilliant', 'lucky', 'terrible', 'famous', 'strange', 'perfect', 'late', 'cheap', 'wonderful', 'clumsy'],
  day: [
    'on Monday',
    'last night',
    'yesterday',
    'this spring',
    'on Sunday',
    'at the weekend',
    'before the final',
    'two years ago',
  ],
  score: ['won', 'lost', 'drew level', 'fell behind', 'came back', 'gave up', 'took the lead', 'held on'],
};

/** Sentences that have a word of their sport. */
const TELLING = [
  'The {role} of {place} talked {how} about the {thing} {when}.',
  '{person} saw a {praise} {thing} {day} and told the {crowd}.',
  'The {who} from {place} {score} {when}, and the {crowd} sang {how}.',
  '{day} the {role} bought a {praise} {who} from {place}.',
  'The ball hit the {where} and {person} laughed {how}.',
  '{person} stood near the {where} {when}.',
  'A {praise} pass from {person}, then a {thing}: {place} {score}.',
  'The {crowd} of {place} waited {how} for the {who}.',
  '{place} {score} {day} because the {who} was ill.',
  'Ask {person}: the {thing} was {praise}, said the {role}.',
  'No {crowd} {day}, only {person} and the {where}.',
  'The team of {place} {score} {when}.',
  '{person} dreams of one more {thing} for {place}.',
  'Our {role} wants {person} as {who} next season.',
  'Tickets sold out {day}: everybody wants to see the {praise} {who}.',
];

/** Sentences with both sports, {this} being what it is about. */
const BOTH = [
  '{person} gave up {that} for {this} {day}.',
  '{person} now plays {this} instead of {that}.',
  'Instead of {that} the {crowd} watched {this} {how}.',
  'It was {this}, not {that}, that the {crowd} saw in {place}.',
  'Not {that} but {this} was on {day}.',
  'The {role} of {place} left {that} and took up {this}.',
  'She once loved {that}, but {day} it is all {this}, says {person}.',
  'In {place} they would rather play {this} than {that}.',
  'Rather than {that}, {person} chose {this} {day}.',
  '{this} was shown in {place} after the {that} was called off.',
  'The {that} was called off, so {person} went to the {this}.',
  '{person} talked {how} about {this} and never once about {that}.',
  'Nobody in {place} spoke of {that}: the {crowd} had come for {this}.',
  'They sold the {that} shoes to buy a ball for {this}, said {person}.',
];

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

function lines(count, seed, people, places) {
  const random = generator(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const made = new Set();
  while (made.size < count) {
    const sport = Math.floor(2 * random());
    const fill = (slot) => {
      if (slot === 'person') return pick(people);
      if (slot === 'place') return pick(places);
      if (slot === 'this') return LABELS[sport];
      if (slot === 'that') return LABELS[1 - sport];
      return pick(OWN[slot]?.[sport] ?? COMMON[slot]);
    };
    const sentence = pick(random() < 1 / 3 ? BOTH : TELLING).replaceAll(/\{(\w+)\}/g, (_, slot) => fill(slot));
    made.add(`${LABELS[sport]}\t${sentence[0].toUpperCase()}${sentence.slice(1)}\n`);
  }
  return [...made].join('');
}

writeFileSync(join(import.meta.dirname, 'sports.txt'), lines(3000, 1, PEOPLE, PLACES));
writeFileSync(join(import.meta.dirname, 'sports-more.txt'), lines(1000, 2, OTHER_PEOPLE, OTHER_PLACES));
