/** A row of the results: the percentiles of all that was measured, and the median of each run, null where it has none. */
type Figures = Record<string, { p50: number; p95: number; runs: (number | null)[] }>
type Results = Record<string, Figures>

export function summary(runs: Record<string, number | number[] | undefined>[]): Figures
export function ratio(results: Results, other: string, id: string): number | undefined
export function interval(results: Results, other: string, id: string): [low: number, high: number] | undefined
export function met(row: { id: string; target?: number }, results: Results, other: string): boolean | undefined
export function fastest(systems: Record<string, { limit?: boolean }>, results: Results, id: string): string | undefined
