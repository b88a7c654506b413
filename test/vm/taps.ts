/**
 * Tap files that run in the microVM as well, or (those of this folder) only there: what asks most of the kernel, whose
 * configuration and version differ from those of the machine the tests run on.
 */
export const VM_TAPS: readonly string[] = [
  'test/vm/lab.tap.ts',
  'test/vm/full-kernel.tap.ts',
  'test/system/kernel-contract.tap.ts',
  'test/system/shortcuts.tap.ts',
  'test/system/nftables-packets.tap.ts',
  'test/system/netlink-vxlan.tap.ts',
  'test/system/sysctl.tap.ts',
  'test/system/netns.tap.ts',
];
