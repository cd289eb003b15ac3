"""Training networks that sparsed runs: `python -m sparsed.training --help`.

    networks   the shapes, sparse and standard, and the grids of their numbers
    recipes    which windows are signal and background
    standins   simulated jets and digits for the two other shapes
    slots      a sparse network as a function of its active pixels, to train fast
    fit        the training loop: dead seeds, checkpoints, 8 bits from 16
    card       what a model file is: data, command, figures
"""
