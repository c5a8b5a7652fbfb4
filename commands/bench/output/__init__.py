"""Results for people and for other programs: tables, files, plots, and the view of a run that is under way.

Everything is made from a `Result`, which may come from a file of another machine: what is missing in it is left out,
and text in it is cleaned before it is shown.
"""
