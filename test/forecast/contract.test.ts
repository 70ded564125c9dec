import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { testForecaster, type ForecasterTestOptions } from '../contract/forecaster.ts';

/** Small sizes, and what cannot hold, with the reason. A forecaster that is not here is tested with its defaults. */
const OPTIONS: Readonly<Record<string, ForecasterTestOptions>> = {
  recurrent: {
    skip: { imputed: 'its hidden state steps over the filled-in value, as over any input; nothing else takes it in' },
  },
  readout: {
    skip: {
      imputed: 'it keeps the network’s state after the filled-in value; test/forecast/readout.test.ts has what it learned',
    },
  },
};

for (const component of FORECASTERS) {
  const base = FORECASTERS.find(({ name }) => name === component.builtOn);
  testForecaster(component, { ...OPTIONS[component.name], ...(base ? { builtOn: base } : {}) });
}

describe('the list of forecasters', () => {
  it('holds every file of src/forecast that exports a component', async () => {
    const folder = new URL('../../src/forecast/', import.meta.url);
    const exported = [];
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'index.ts')) {
      const module = (await import(new URL(file, folder).href)) as { default?: { kind?: string; name: string } };
      if (module.default?.kind === 'forecaster') exported.push(`${file}: ${module.default.name}`);
    }
    expect(FORECASTERS.map(({ name }) => `${name}.ts: ${name}`).sort()).toEqual(exported.sort());
  });

  it.each(FORECASTERS)('$name has a summary of one sentence, and an example that its configuration accepts', (component) => {
    expect(component.summary).toMatch(/^[A-Z].*\.$/);
    expect(component.guarantees.length).toBeGreaterThan(0);
    expect(() => component.config.parse(parse(component.example) ?? {})).not.toThrow();
    expect(() => component.config.parse({ no_such_key: 1 })).toThrow();
  });
});
