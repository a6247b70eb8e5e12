"""Numbers become pictures, on screen, in print and as files.

In come results and their measures, out go Plotly figures and the bytes of files: pure functions of data. Every kind of
picture has a module, or a folder of what is drawn (`data`) and how (`screen`, `print`): region maps, comparisons,
paths, the boundary, the overview, plane maps, curves against width and along sweeps, distributions. They share the
colours of `style` and `colouring`, the scales of `axis`, the `legend`, the `frame` of the plane, and the `paper`.
"""
