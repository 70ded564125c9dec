import tseslint from 'typescript-eslint';

const machineDependent = [
  'exp',
  'expm1',
  'log',
  'log1p',
  'log2',
  'log10',
  'pow',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'atan2',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'cbrt',
  'hypot',
];

export default tseslint.config(
  { ignores: ['dist', '**/assembly', 'out', '**/*.d.ts'] },
  { files: ['src/**/*.ts', 'connectors/**/*.ts', 'test/**/*.ts'], extends: [tseslint.configs.recommended] },
  {
    files: ['src/**/*.ts', 'connectors/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // the same bits on every machine: see src/core/math/math.ts
    files: ['src/**/*.ts', 'connectors/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...[...machineDependent, 'random'].map((property) => ({
          object: 'Math',
          property,
          message: 'Use src/core/math/math.ts or src/core/random.ts.',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "BinaryExpression[operator='**']", message: 'Use multiplication, or pow of src/core/math/math.ts.' },
      ],
    },
  },
);
