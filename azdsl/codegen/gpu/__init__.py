"""The virtual machine on a GPU: the lowerings, the evaluation and the records of ``azdsl.codegen``, for threads that share a task.

A warp of 32 threads runs one program on a few tasks. A task has one thread for each row of its registers; they meet at
barriers after each instruction. The same code compiled for this machine is the *twin*: it proves without a GPU that all bits agree.
"""
