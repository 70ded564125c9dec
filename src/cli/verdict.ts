/** Skill against a baseline in two words: by how much, and whether that is more than luck. */
import type { ScoreSummary } from '../forecast/score.ts';
import type { Verdict } from '../forecast/skill.ts';
import { signedPercent } from './numbers.ts';
import type { Paint } from './terminal.ts';

/** `12 % better`, `3 % worse`, `−1 %, no skill`: a skill as it is written with its sign, and what it is called. */
export function verdictText(signed: string, called: Verdict): string {
  if (signed === '-') return signed;
  return called === 'no skill' ? `${signed}, no skill` : `${signed.replace(/^[+−]/, '')} ${called}`;
}

/** The same in colour; `-` where there is nothing to compare. */
export function verdict(skill: ScoreSummary['skill'][string] | undefined, paint: Paint): string {
  if (!skill) return '-';
  const text = verdictText(signedPercent(skill.skill), skill.verdict);
  return skill.verdict === 'better' ? paint('green', text) : skill.verdict === 'worse' ? paint('red', text) : text;
}
