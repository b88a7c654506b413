/**
 * The sandboxes of this host: which networks each is on, by what is stored, and when its namespace is there and when
 * no longer. Nothing here enters one. Layer: daemon.
 */
export { isNamespace } from './is-namespace.ts';
export { type NamespaceEvent, NamespaceWatch } from './namespace-watch.ts';
export { RepositorySandboxes } from './repository-sandboxes.ts';
