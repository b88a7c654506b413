/**
 * `weft explain`: the way of a packet from one endpoint to another, step by step, by what is stored and by what the
 * kernel has. Facts are read first (`gather.ts`); what they mean is pure. Layer: daemon.
 */
export { type ExplainParts, explain } from './explain.ts';
