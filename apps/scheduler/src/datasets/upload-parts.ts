/**
 * The file inside an upload: the body itself, or the one file part of a multipart form. Either way a stream of bytes,
 * of which nothing is held.
 */
import { AppError } from '@celeriac/core'
import busboy from 'busboy'
import type { IncomingMessage } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { mediaTypeOf, requireType } from '../http/body-readers.ts'
import { fieldProblem, invalidInput } from '../http/check-input.ts'

export interface UploadedFile {
  readonly stream: Readable
  /** The sender's name for the file, where it has one. */
  readonly fileName: string | null
  /** Media type of the file itself, without parameters. */
  readonly mediaType: string
}

export const csvTypes = ['text/csv', 'application/csv'] as const
export const parquetTypes = ['application/vnd.apache.parquet', 'application/x-parquet'] as const
const plainTypes = [...csvTypes, ...parquetTypes, 'application/octet-stream']
export const uploadTypes = [...plainTypes, 'multipart/form-data']

/** Throws VALIDATION_CONTENT_TYPE, VALIDATION_BODY_INVALID. */
export async function openUpload(request: IncomingMessage): Promise<UploadedFile> {
  const mediaType = requireType(request, uploadTypes)
  if (mediaType !== 'multipart/form-data') return { stream: request, fileName: null, mediaType }
  return firstFilePart(request)
}

/** The first file part; a second one, or none, is an error that ends the stream. */
function firstFilePart(request: IncomingMessage): Promise<UploadedFile> {
  return new Promise((resolve, reject) => {
    const stream = new PassThrough()
    // Faults reach the reader through its reading; one that has not begun to read has `reject`.
    stream.on('error', () => undefined)
    const fail = (error: AppError): void => {
      reject(error)
      stream.destroy(error)
    }
    let files = 0
    const parser = openParser(request)
    parser.on('file', (_field, part, { filename, mimeType }) => {
      files++
      if (files > 1) {
        part.resume()
        fail(formFault('the form has more than one file'))
        return
      }
      part.on('error', () => fail(formFault('the form is cut off')))
      part.pipe(stream, { end: false })
      resolve({
        stream,
        fileName: filename === '' ? null : (filename ?? null),
        mediaType: mimeType.toLowerCase(),
      })
    })
    parser.on('error', () => fail(formFault('the form cannot be read')))
    // Only now is it known that no second file follows: the first one may end.
    parser.on('close', () => (files === 0 ? fail(formFault('the form has no file')) : stream.end()))
    request.on('error', () => fail(formFault('the request was cut off')))
    request.pipe(parser)
  })
}

function openParser(request: IncomingMessage): busboy.Busboy {
  try {
    return busboy({
      headers: request.headers,
      defParamCharset: 'utf8',
      limits: { fields: 20, fieldSize: 10_000, parts: 25 },
    })
  } catch (cause) {
    throw new AppError('VALIDATION_CONTENT_TYPE', 'the form has no boundary', {
      cause,
      details: { content_type: mediaTypeOf(request) },
    })
  }
}

const formFault = (message: string): AppError =>
  invalidInput(message, [fieldProblem('body', 'exactly one file part is expected')])
