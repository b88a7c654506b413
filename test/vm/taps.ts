/** Files that share one boot of the microVM. */
export interface VmBoot {
  /** Each alone, while the kernel has loaded nothing yet. */
  readonly first: readonly string[];
  readonly files: readonly string[];
  /** How many of these at a time. */
  readonly jobs: number;
}

/**
 * Tap files that run in the microVM as well, or (those of this folder) only there: what asks most of the kernel, whose
 * configuration and version differ from those of the machine the tests run on, and what only a whole kernel has: ipvlan
 * and VLANs. Few, because emulation is slow.
 */
export const VM_BOOT: VmBoot = {
  first: ['test/vm/full-kernel.tap.ts'],
  files: [
    'test/vm/lan-ipvlan.tap.ts',
    'test/vm/lan-services.tap.ts',
    'test/vm/lan-parents.tap.ts',
    'test/system/shortcuts.tap.ts',
    'test/system/nftables-packets.tap.ts',
    'test/system/netns.tap.ts',
    'test/system/netlink-sandbox.tap.ts',
    'test/system/netlink-conntrack.tap.ts',
    'test/system/sandbox-namespaces.tap.ts',
    'test/system/host-ports.tap.ts',
  ],
  jobs: 2,
};

/**
 * Only by hand (`scripts/vm node FILE`): a lab with dockerds takes an emulated machine four minutes and more, and deadlines
 * of an overlay lab are missed there now and then for reasons that are not known yet.
 */
export const BY_HAND: readonly string[] = ['test/vm/lab.tap.ts', 'test/vm/lan-lab.tap.ts'];
