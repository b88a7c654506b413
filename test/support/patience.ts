/**
 * How many times longer than on a machine of its own a test may wait for something to happen; `WEFT_TEST_PATIENCE`,
 * which scripts/vm sets, where everything takes longer. What a test requires not to happen is not affected.
 */
export const PATIENCE = Number(process.env['WEFT_TEST_PATIENCE'] ?? 1);
