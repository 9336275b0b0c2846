/** What a call over the broker fails with, beside what the worker says. */
import { AppError, isAppError } from '@celeriac/core'

export const deadlinePassed = (): AppError =>
  new AppError('PREDICT_DEADLINE', 'the prediction was not ready before its deadline')

export const queueFull = (): AppError =>
  new AppError('PREDICT_SHED', 'the queue of predictions is full', { details: { reason: 'queue_full' } })

export const tooMuch = (): AppError =>
  new AppError('PREDICT_SHED', 'too much waits for predictions', { details: { reason: 'memory' } })

export const stopping = (): AppError =>
  new AppError('PREDICT_SHED', 'the scheduler is stopping', { details: { reason: 'stopping' } })

export const noWorker = (): AppError =>
  new AppError(
    'PREDICT_SHED',
    'no worker serves predictions now: start one with `celeriac worker -Q predict`',
    {
      details: { reason: 'no_worker' },
    },
  )

export const asAppError = (error: unknown, message: string): AppError =>
  isAppError(error) ? error : new AppError('INTERNAL_ERROR', message, { cause: error })
