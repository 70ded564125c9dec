/** What every component must declare, as tests. */
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Component } from '../../src/core/component.ts';

/** The example parses, unknown keys are refused, every field is described, and name, summary and guarantees are there. */
export function testDeclaration<Kind extends string, Config, Context, Built>(
  component: Component<Kind, Config, Context, Built>,
  config: () => unknown,
): void {
  it('has an example that parses', () => {
    expect(() => component.config.parse(parse(component.example))).not.toThrow();
  });

  it('refuses unknown keys', () => {
    const result = component.config.safeParse({ ...(config() as object), surprising_key: 1 });
    expect(result.success).toBe(false);
    expect(JSON.stringify(result.error?.issues)).toContain('surprising_key');
  });

  it('describes every field', () => {
    const schema = z.toJSONSchema(component.config, { io: 'input', unrepresentable: 'any' }) as {
      properties?: Record<string, { description?: string }>;
    };
    for (const [name, field] of Object.entries(schema.properties ?? {}))
      expect(field.description, `the description of ${name}`).toMatch(/\.$/);
  });

  it('says what it is and what it guarantees', () => {
    expect(component.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(component.summary).toMatch(/^[^.]+(\.[^.]+)*\.$/);
    expect(component.guarantees.length).toBeGreaterThan(0);
    for (const sentence of component.guarantees) expect(sentence).toMatch(/[.]$/);
  });
}
