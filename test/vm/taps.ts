/**
 * Tap files that run in the microVM as well, or (those of this folder) only there: what asks most of the kernel, whose
 * configuration and version differ from those of the machine the tests run on. Few, because emulation is slow: all of it
 * shall take four minutes.
 */
export const VM_TAPS: readonly string[] = [
  'test/vm/full-kernel.tap.ts',
  'test/system/shortcuts.tap.ts',
  'test/system/nftables-packets.tap.ts',
  'test/system/netns.tap.ts',
];

/**
 * Only by hand (`scripts/vm node FILE`): a lab takes an emulated machine six minutes and more, and its deadlines are
 * missed there now and then for reasons that are not known yet. The LAN takes nine minutes, most of them waits for what
 * must not answer; services there five.
 */
export const BY_HAND: readonly string[] = [
  'test/vm/lab.tap.ts',
  'test/vm/lan.tap.ts',
  'test/vm/lan-services.tap.ts',
];
