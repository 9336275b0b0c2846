/** Tasks that give or take a signature as a value. */
import { chain, chord, group, signatureFromDict, type AnySignature, type Signature } from '@celeriac/tasks'
import { z } from 'zod'
import { anyValue, app, nameOf } from './app.ts'
import { add } from './plain-tasks.ts'

/** Without its arguments: what these tasks give is not called. */
const step = (): Signature<never, number> => add.signature<never>() as Signature<never, number>

const one = {
  chain: (inner: AnySignature): AnySignature => chain(inner),
  group: (inner: AnySignature): AnySignature => group(inner),
  chord: (inner: AnySignature): AnySignature =>
    chord(inner as Signature<never, unknown[]>, step() as Signature<readonly [unknown[]], number>),
}
const inner = {
  chain: (): AnySignature => chain(step()),
  group: (): AnySignature => group(step()),
  chord: (): AnySignature => chord([step()], step() as Signature<readonly [number[]], number>),
}

for (const [outerName, outerOf] of Object.entries(one))
  for (const [innerName, innerOf] of Object.entries(inner))
    app.task(nameOf(`return_nested_signature_${outerName}_${innerName}`), z.object({}), () => ({
      ...outerOf(innerOf()).toJSON(),
    }))

/** Fails where a part of it is no signature. */
app.task(nameOf('rebuild_signature'), z.object({ sig_dict: anyValue }), ({ sig_dict }) => {
  signatureFromDict(sig_dict)
  return null
})
