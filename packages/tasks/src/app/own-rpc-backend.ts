import { RpcBackend, type RpcBackendOptions } from '../result/rpc/rpc-backend.ts'

/** An `rpc://` backend that connects its application: a worker that starts it has a way to answer. */
export class OwnRpcBackend extends RpcBackend {
  readonly #broker: RpcBackendOptions['broker']

  constructor(options: RpcBackendOptions) {
    super(options)
    this.#broker = options.broker
  }

  override async start(): Promise<void> {
    await this.#broker.start()
    await super.start()
  }
}
