import { storeContract } from '../contract/store.ts';
import { MemoryStore } from './memory-store.ts';

storeContract('MemoryStore', async () => new MemoryStore());
