export const systems: Record<string, { title: string; limit?: boolean }>
