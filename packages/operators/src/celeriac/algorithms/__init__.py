"""One module and one manifest (JSON) per algorithm; nothing else registers an algorithm.

A module exports `run(ctx)`, where `ctx` is a `celeriac.context.Context`.
"""
