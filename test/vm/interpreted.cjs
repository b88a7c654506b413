const { setFlagsFromString } = require('node:v8');

/*
 * In an emulated machine code that was compiled must be translated once more, which takes longer than it saves: a start of
 * weftd takes a fifth less without.
 */
for (const flag of ['--no-opt', '--no-sparkplug', '--no-regexp-tier-up', '--regexp-interpret-all']) {
  setFlagsFromString(flag);
}
