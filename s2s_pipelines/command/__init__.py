"""The commands of ``s2s``, one module each; the outermost room beside the orchestration, imported by nobody else."""
