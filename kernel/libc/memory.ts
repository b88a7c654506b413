import koffi from 'koffi';

/**
 * Where the bytes lie in memory, for structs that hold pointers. True for as long as the array is reachable: keep it
 * in a variable that is used after the call.
 */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}
