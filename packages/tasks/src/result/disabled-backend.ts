import type { ResultBackend } from './result-backend.ts'
import { unsupported } from './unsupported.ts'

/** No results: what is stored is dropped, and whoever asks for a result is told that there is no backend. */
export function createDisabledBackend(): ResultBackend {
  const refuse = (what: string) => (): Promise<never> => Promise.reject(unsupported('disabled', what))
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    name: 'disabled',
    hasChords: false,
    replyTo: null,
    start: nothing,
    stop: nothing,
    store: nothing,
    find: refuse('results'),
    watch: refuse('results'),
    forget: nothing,
    saveGroup: refuse('saved groups'),
    findGroup: refuse('saved groups'),
    forgetGroup: nothing,
    setChordSize: refuse('chords'),
    growChord: refuse('chords'),
    addChordPart: refuse('chords'),
    endChord: refuse('chords'),
    removeExpired: () => Promise.resolve(0),
  }
}
