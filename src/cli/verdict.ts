/** Skill against a baseline in two words: by how much, and whether that is more than luck. */
import type { ScoreSummary } from '../forecast/score.ts';
import { signedPercent } from './numbers.ts';
import type { Paint } from './terminal.ts';

/** `+12 % better`, `0 % no skill`, `-3 % worse`; `-` where there is nothing to compare. */
export function verdict(skill: ScoreSummary['skill'][string] | undefined, paint: Paint): string {
  if (!skill) return '-';
  const text = `${signedPercent(skill.skill)} ${skill.verdict}`;
  return skill.verdict === 'better' ? paint('green', text) : skill.verdict === 'worse' ? paint('red', text) : text;
}
