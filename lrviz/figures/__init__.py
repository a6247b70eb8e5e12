"""Numbers become pictures, on screen, in print and as files.

In come results and their measures, out go Plotly figures and the bytes of files: pure functions of data.
"""
