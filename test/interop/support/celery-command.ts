import { execFile } from 'node:child_process'
import { interopPython, pythonFolder } from './python-client.ts'

/** Runs `celery -A client_tasks …` to its end and gives what it printed. Rejects when it fails, with all of its output. */
export function celeryCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      interopPython(),
      ['-m', 'celery', '-A', 'client_tasks', ...args],
      { cwd: pythonFolder, env: { ...process.env, ...env, NO_COLOR: '1', PYTHONDONTWRITEBYTECODE: '1' } },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`celery ${args.join(' ')}: ${error.message}\n${stdout}\n${stderr}`))
      },
    )
  })
}
