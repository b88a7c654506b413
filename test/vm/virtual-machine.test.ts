import { describe, expect, test } from 'vitest';
import { kernelCommandLine, PORTS, qemuArguments } from './virtual-machine.ts';

const argv = qemuArguments({ kernel: '/k/vmlinuz', initramfs: '/s/initramfs', memory: 2048, cpus: 3 });

/** What stands after each of a flag's occurrences. */
const valuesOf = (flag: string) => argv.flatMap((word, at) => (word === flag ? [argv[at + 1]] : []));

describe('the arguments of qemu', () => {
  test('are the kernel and machine asked for', () => {
    expect(valuesOf('-kernel')).toEqual(['/k/vmlinuz']);
    expect(valuesOf('-initrd')).toEqual(['/s/initramfs']);
    expect(valuesOf('-append')).toEqual([kernelCommandLine()]);
    expect(valuesOf('-m')).toEqual(['2048']);
    expect(valuesOf('-smp')).toEqual(['3']);
  });

  test('give no network, and the files for reading only', () => {
    expect(valuesOf('-nic')).toEqual(['none']);
    expect(valuesOf('-virtfs')).toEqual([expect.stringContaining('readonly=on')]);
    expect(valuesOf('-virtfs')[0]).toContain('multidevs=remap');
  });

  test('have a port for each channel, in the order of their numbers', () => {
    expect(valuesOf('-chardev')).toEqual(
      Object.entries(PORTS).map(([name, fd]) => `socket,id=${name},fd=${fd}`),
    );
    const ports = valuesOf('-device').filter((device) => device?.startsWith('virtserialport'));
    expect(ports).toEqual([
      'virtserialport,chardev=control,name=weft.control,nr=1',
      'virtserialport,chardev=out,name=weft.out,nr=2',
      'virtserialport,chardev=err,name=weft.err,nr=3',
    ]);
    // The ports need a bus, which must come first.
    expect(argv.indexOf('virtio-serial-pci')).toBeLessThan(argv.indexOf(ports[0] ?? ''));
  });

  test('end the machine when its kernel fails or restarts', () => {
    expect(argv).toContain('-no-reboot');
    expect(kernelCommandLine().split(' ')).toEqual(
      expect.arrayContaining(['panic=-1', 'oops=panic', 'console=ttyS0']),
    );
  });
});
