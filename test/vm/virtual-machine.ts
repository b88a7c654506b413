/** What a microVM is made of. */
export interface VirtualMachine {
  /** Files of the kernel and of its initramfs. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Mebibytes. */
  readonly memory: number;
  readonly cpus: number;
}

/** File descriptors of qemu that are its ports: connected sockets. */
export const PORTS = { control: 3, out: 4, err: 5 } as const;

/**
 * The kernel's command line: messages go to the serial line, and a kernel that fails ends the machine at once.
 * Source: Documentation/admin-guide/kernel-parameters.txt.
 */
export function kernelCommandLine(): string {
  return 'console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off random.trust_cpu=on tsc=reliable';
}

/**
 * Arguments of qemu-system-x86_64: software emulation, the machine's files as a read-only 9p share `machine`, the
 * serial line on standard output, no network, and one virtio port for each of {@link PORTS}.
 */
export function qemuArguments(machine: VirtualMachine): readonly string[] {
  const { kernel, initramfs, memory, cpus } = machine;
  const share = 'path=/,mount_tag=machine,security_model=none,readonly=on,multidevs=remap';
  const ports = Object.entries(PORTS).flatMap(([name, fd], at) => [
    ...['-chardev', `socket,id=${name},fd=${fd}`],
    ...['-device', `virtserialport,chardev=${name},name=weft.${name},nr=${at + 1}`],
  ]);
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'Nehalem,+rdrand'],
    ...['-m', String(memory), '-smp', String(cpus), '-nic', 'none'],
    ...['-kernel', kernel, '-initrd', initramfs, '-append', kernelCommandLine()],
    ...['-virtfs', `local,${share}`, '-device', 'virtio-serial-pci', ...ports],
  ];
}
