/**
 * The native package of TensorFlow.js, built where its own install script cannot download: TensorFlow's libraries and headers come from
 * the Python wheel `tensorflow-cpu`, the headers of Node-API from npm, and one call of the compiler makes the binding.
 *
 * Once, in the cache folder outside the work tree: a download of about 240 MB, 0.9 GB on the disk.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { cacheFolder } from './kafka-jars.ts';
import { runToEnd } from './run-to-end.ts';

const PACKAGE = '4.22.0';
/** The nearest to the 2.9.1 that the package asks for among wheels that are still served. */
const TENSORFLOW = '2.12.1';
const WHEEL_SHA256 = '7ffb595707a8fb376deaddc768784c7a0242b16cbc6e06393b1733b2ce19f855';
const LIBRARIES = ['tensorflow_cc', 'tensorflow_framework'];

/** Takes the libraries, and the C headers with all that they include, out of the wheel. */
const UNPACK = `
import os, posixpath, re, shutil, sys, zipfile
wheel, out = zipfile.ZipFile(sys.argv[1]), sys.argv[2]
names = set(wheel.namelist())
def save(name, at):
    os.makedirs(os.path.dirname(at), exist_ok=True)
    with wheel.open(name) as source, open(at, 'wb') as target: shutil.copyfileobj(source, target, 1 << 20)
todo = ['tensorflow/c/c_api.h', 'tensorflow/c/eager/c_api.h', 'tensorflow/core/platform/ctstring_internal.h']
seen = set()
while todo:
    name = todo.pop()
    if name in seen or 'tensorflow/include/' + name not in names: continue
    seen.add(name)
    at = os.path.join(out, 'include', name)
    save('tensorflow/include/' + name, at)
    for found in re.findall(r'^\\s*#\\s*include\\s+"([^"]+)"', open(at).read(), re.M):
        todo += [found, posixpath.normpath(posixpath.join(posixpath.dirname(name), found))]
for library in sys.argv[3:]:
    save('tensorflow/lib' + library + '.so.2', os.path.join(out, 'lib', 'lib' + library + '.so.2'))
`;

/** Why it cannot be built on this machine; undefined where it can. */
export function whyNoNativeTensorFlow(): string | undefined {
  const { platform, arch } = process;
  return platform === 'linux' && arch === 'x64' ? undefined : `the wheel is for Linux x64, this is ${platform} ${arch}`;
}

/** The folder of the built package, to be imported by its path. Needs npm, Python 3 with pip, and g++. */
export async function nativeTensorFlow(): Promise<string> {
  const folder = join(cacheFolder(), `tfjs-node-${PACKAGE}-tensorflow-${TENSORFLOW}`);
  if (!existsSync(folder)) {
    mkdirSync(cacheFolder(), { recursive: true });
    const partial = mkdtempSync(`${folder}.partial-`);
    try {
      await build(partial);
      renameSync(partial, folder);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      // another process was quicker: its folder is as good as ours
      if (!existsSync(folder)) throw error;
    }
  }
  return packageIn(folder);
}

function packageIn(folder: string): string {
  return join(folder, 'node_modules/@tensorflow/tfjs-node');
}

async function build(folder: string): Promise<void> {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  await Promise.all([fetchPackages(folder), fetchLibraries(folder)]);
  const into = packageIn(folder);
  const libraries = join(folder, 'libraries');
  // the names that the linker looks for
  symlinkSync('libtensorflow_cc.so.2', join(libraries, 'lib/libtensorflow.so'));
  symlinkSync('libtensorflow_framework.so.2', join(libraries, 'lib/libtensorflow_framework.so'));
  const binding = join(folder, 'tfjs_binding.node');
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(into, 'binding', name));
  const headers = [join(folder, 'node_modules/node-api-headers/include'), join(libraries, 'include')];
  // what the package's binding.gyp does, without node-gyp
  await runToEnd(
    'g++',
    [
      ...['-O2', '-std=c++17', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DBUILDING_NODE_EXTENSION'],
      ...headers.map((each) => `-I${each}`),
      ...sources,
      ...[`-L${join(libraries, 'lib')}`, '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-o', binding],
    ],
    {},
    'Install it: apt-get install g++.',
  );
  rmSync(join(into, 'deps'), { recursive: true, force: true });
  // relative, because the folder is renamed when it is whole
  symlinkSync('../../../libraries', join(into, 'deps'));
  mkdirSync(join(into, 'lib/napi-v8'), { recursive: true });
  copyFileSync(binding, join(into, 'lib/napi-v8/tfjs_binding.node'));
}

async function fetchPackages(folder: string): Promise<void> {
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `@tensorflow/tfjs-node@${PACKAGE}`,
    'node-api-headers@1',
  ];
  await runToEnd('npm', args, { cwd: folder });
}

async function fetchLibraries(folder: string): Promise<void> {
  const wheels = join(folder, 'wheels');
  // the wheel's Python does not matter for the C library
  const python = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--platform', 'manylinux2014_x86_64'];
  const download = ['-m', 'pip', 'download', '-q', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', ...python];
  const wanted = ['--platform', 'manylinux_2_17_x86_64', '-d', wheels, `tensorflow-cpu==${TENSORFLOW}`];
  await runToEnd('python3', [...download, ...wanted], {}, 'Install it: apt-get install python3-pip.');
  const wheel = join(wheels, readdirSync(wheels)[0]!);
  const hash = createHash('sha256');
  await pipeline(createReadStream(wheel), hash);
  const found = hash.digest('hex');
  if (found !== WHEEL_SHA256) throw new Error(`${wheel} has the SHA-256 ${found}, not ${WHEEL_SHA256}`);
  await runToEnd('python3', ['-c', UNPACK, wheel, join(folder, 'libraries'), ...LIBRARIES]);
  rmSync(wheels, { recursive: true });
}
