"""The map that one explores: one Plotly figure that stays in the browser, over pictures of the regions.

In come the view, how far its regions are, and parts (picture, colours, edges, facts, figure) that are sent once; out go
the windows that a visitor moves to, and the regions that are clicked.
"""
