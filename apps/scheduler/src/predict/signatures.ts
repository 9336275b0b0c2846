import { modelSignatureSchema, type ModelSignature } from '@celeriac/contracts'
import { AppError, type ModelVersionRecord } from '@celeriac/core'
import type { ArtifactLayout } from '@celeriac/runtime'
import { readSidecar } from '../read-sidecar.ts'

const mostKept = 1_000

/**
 * What rows of a version must be like. Registered with the version; one that was too long for a message is in the
 * deployment's sidecar. Versions never change, so it is read once.
 */
export class Signatures {
  readonly #artifacts: Pick<ArtifactLayout, 'root'>
  readonly #kept = new Map<string, ModelSignature | Promise<ModelSignature>>()

  constructor(artifacts: Pick<ArtifactLayout, 'root'>) {
    this.#artifacts = artifacts
  }

  /** The signature, or a promise of it when it must be read: rejects with TASK_ARTIFACT_NOT_FOUND. */
  of(model: ModelVersionRecord): ModelSignature | Promise<ModelSignature> {
    const key = `${model.name}\n${model.version}\n${model.uri}`
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const registered = modelSignatureSchema.safeParse(model.deployment['signature'])
    if (registered.success) return this.#keep(key, registered.data)
    const reading = this.#read(model)
    void this.#keep(key, reading)
    // What cannot be read now may be readable later.
    reading.then(
      (signature) => this.#keep(key, signature),
      () => this.#kept.delete(key),
    )
    return reading
  }

  #keep<S extends ModelSignature | Promise<ModelSignature>>(key: string, signature: S): S {
    this.#kept.set(key, signature)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > mostKept && oldest !== undefined) this.#kept.delete(oldest)
    return signature
  }

  async #read({ name, version, uri }: ModelVersionRecord): Promise<ModelSignature> {
    try {
      return modelSignatureSchema.parse((await readSidecar(uri, this.#artifacts))['signature'])
    } catch (cause) {
      throw new AppError('TASK_ARTIFACT_NOT_FOUND', "the model's signature cannot be read", {
        cause,
        details: { name, version, uri },
      })
    }
  }
}
