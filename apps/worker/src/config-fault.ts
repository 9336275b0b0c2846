import { AppError } from '@celeriac/core'

/** Faults of settings that only show when they are put together; in the form of those that a setting has by itself. */
export const configFault = (
  problems: readonly { readonly setting: string; readonly source: string; readonly message: string }[],
): AppError =>
  new AppError('CONFIG_INVALID', 'the configuration has faults', {
    details: { problems: problems.map((problem) => ({ ...problem })) },
  })
