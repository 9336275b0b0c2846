/** Processor time of processes: what a request costs, however busy the machine is with other things. Linux only. */
import { readFileSync, readdirSync } from 'node:fs'

/** Ticks of `/proc` last 10 ms on every Linux that we know. */
const usPerTick = 10_000

/** User and system time of a process since its start, in microseconds; 0 when it is gone. */
export function cpuTimeOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything; after it come the state and ten fields more.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * usPerTick
  } catch {
    return 0
  }
}

/** RabbitMQ's process on this machine; null when it runs elsewhere. */
export function rabbitPid(): number | null {
  for (const entry of readdirSync('/proc'))
    if (/^\d+$/.test(entry) && /\(beam\.smp\)/.test(statOf(entry))) return Number(entry)
  return null
}

function statOf(entry: string): string {
  try {
    return readFileSync(`/proc/${entry}/stat`, 'utf8')
  } catch {
    return ''
  }
}

/** Names the processes of a subject. */
export type CpuPids = Readonly<Record<string, number>>

/** The processor time that each process spends while `work` runs, in microseconds. */
export async function withCpuTime<T>(
  pids: CpuPids,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly cpuUs: Readonly<Record<string, number>> }> {
  const before = Object.entries(pids).map(([name, pid]) => ({ name, pid, us: cpuTimeOf(pid) }))
  const value = await work()
  return {
    value,
    cpuUs: Object.fromEntries(before.map(({ name, pid, us }) => [name, cpuTimeOf(pid) - us])),
  }
}
