import { DecodeError } from '../../../core/errors.ts';
import { attributeU32, needU32 } from '../attribute.ts';

const NFT_REG_1 = 1;
const NFT_REG32_00 = 8;
/** Kernel register number that holds the verdict. */
export const NFT_REG_VERDICT = 0;

/**
 * Attribute for the 32-bit register `index` (0–15). A register at a 16-byte boundary is named as NFT_REG_1…4, any
 * other as NFT_REG32_00 + index: the same registers, named as nft(8) and the kernel's dumps name them.
 */
export function registerAttribute(type: number, index: number): Uint8Array {
  return attributeU32(type, index % 4 === 0 ? NFT_REG_1 + index / 4 : NFT_REG32_00 + index);
}

/** @throws {DecodeError} when the attribute is missing or names no data register. */
export function needRegister(map: ReadonlyMap<number, Uint8Array>, type: number, what: string): number {
  const number = needU32(map, type, what);
  if (number >= NFT_REG_1 && number < NFT_REG_1 + 4) return (number - NFT_REG_1) * 4;
  if (number >= NFT_REG32_00 && number < NFT_REG32_00 + 16) return number - NFT_REG32_00;
  throw new DecodeError(`${what}: ${number} is not a data register`);
}
