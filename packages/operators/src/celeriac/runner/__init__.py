"""The process pool's Python side: one warm parent that forks, children that run one task at a time.

                     fork frame               run / predict / stop frames
    Node  <──unix──>  parent  ──fork()──>  child  <──unix (control)──>  Node
                        │                    └── stdout, stderr: raw bytes ──> Node
                        └── exited frame when a child ends

The parent imports the scientific stack once and never starts a thread, so that a fork is safe and takes milliseconds.
A child is a process group of its own: killing the group also ends what an operator started. When the parent dies its
children are killed by the kernel (Linux), and a parent whose socket closes ends itself.
"""
