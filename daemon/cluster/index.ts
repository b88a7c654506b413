/**
 * The host as one of several: membership, network definitions, what other hosts have and what they are told. Decides
 * what is shared and when; planning is the drivers', addresses are the IPAM's. Layer: daemon.
 */
export { Cluster, type ClusterParts } from './cluster.ts';
export { definitionsIn } from './definitions.ts';
export { answers, type Liveness } from './liveness.ts';
export { members } from './membership.ts';
export { LOCAL_PREFIX, openEtcd, openShared, type SharedBase } from './open-shared.ts';
export { RecordPublisher } from './record-publisher.ts';
export { keys as clusterKeys, readClusterRecord } from './records.ts';
export { type RemovedNode, type RemoveNodeParts, removeNode } from './remove-node.ts';
