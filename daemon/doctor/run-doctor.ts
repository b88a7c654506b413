export type DoctorParts = unknown;
export async function runDoctor(_parts: unknown): Promise<readonly []> { return []; }
