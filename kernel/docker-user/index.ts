/**
 * weft's accept rules in the chain DOCKER-USER, which dockerd makes for rules that come before its own, and without
 * which its FORWARD policy DROP eats weft's traffic. Speaks nf_tables over nfnetlink and legacy xtables by socket
 * options; other chains and other rules are left alone. Part of the kernel layer.
 */
export { openForwardAccept } from './forward-accept.ts';
